//! The XML of the AWS Query protocol.

use std::fmt::{Display, Write};

/// The namespace of every answer of this API version.
pub(crate) const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// Writes elements into a string; text is escaped.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// `<name>value</name>`
    pub(crate) fn leaf(&mut self, name: &str, value: impl Display) {
        self.open(name);
        self.text(&value.to_string());
        self.close(name);
    }

    /// [`Xml::leaf`] if there is a value.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.leaf(name, value);
        }
    }

    /// An element with whatever `inside` writes.
    pub(crate) fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.open(name);
        inside(self);
        self.close(name);
    }

    /// A list: one `<member>` for each item.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.node(name, |x| {
            for item in items {
                x.node("member", |x| each(x, item));
            }
        });
    }

    /// A list of plain values.
    pub(crate) fn values<T: Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.list(name, items, |x, item| x.text(&item.to_string()));
    }

    /// The answer to `action` around the result written so far.
    pub(crate) fn into_answer(self, action: &str, request_id: &str) -> String {
        format!(
            "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{}</{action}Result>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>",
            self.0
        )
    }

    /// An error in the protocol's form.
    pub(crate) fn fault(kind: &str, code: &str, message: &str, request_id: &str) -> String {
        let mut x = Self::default();
        x.node("Error", |x| {
            x.leaf("Type", kind);
            x.leaf("Code", code);
            x.leaf("Message", message);
        });
        x.leaf("RequestId", request_id);
        format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{}</ErrorResponse>", x.0)
    }

    fn open(&mut self, name: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{name}>");
    }

    fn close(&mut self, name: &str) {
        let _ = write!(self.0, "</{name}>");
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // A carriage return would be read back as a line feed; other control characters are not XML at all.
                '\r' => self.0.push_str("&#13;"),
                c if c.is_control() && !matches!(c, '\n' | '\t') => {}
                c => self.0.push(c),
            }
        }
    }
}
