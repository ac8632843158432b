//! The XML of the AWS Query protocol.

use crate::query::Tree;
use crate::{AwsAnswer, AwsFault};
use http::{HeaderValue, StatusCode};
use std::fmt::{Display, Write};

/// Writes elements into a string; text is escaped.
#[derive(Debug, Default)]
pub struct Xml(String);

impl Xml {
    /// `<name>value</name>`
    pub fn leaf(&mut self, name: &str, value: impl Display) {
        self.open(name);
        self.text(&value.to_string());
        self.close(name);
    }

    /// [`Xml::leaf`] if there is a value.
    pub fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.leaf(name, value);
        }
    }

    /// An element with whatever `inside` writes.
    pub fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.open(name);
        inside(self);
        self.close(name);
    }

    /// A list: one `<member>` for each item.
    pub fn list<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.node(name, |x| {
            for item in items {
                x.node("member", |x| each(x, item));
            }
        });
    }

    /// A list of plain values.
    pub fn values<T: Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.list(name, items, |x, item| x.text(&item.to_string()));
    }

    /// A part of a request as it came.
    pub fn tree(&mut self, name: &str, tree: &Tree) {
        self.node(name, |x| x.inside(tree));
    }

    fn inside(&mut self, tree: &Tree) {
        match tree {
            Tree::Leaf(text) => self.text(text),
            Tree::List(members) => members.iter().for_each(|member| self.tree("member", member)),
            Tree::Structure(members) => members.iter().for_each(|(name, member)| self.tree(name, member)),
        }
    }

    /// What was written so far.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// The answer of the AWS Query protocol to `action`, good or bad; operations without output have no result.
    /// `namespace` is that of the API's version.
    #[must_use]
    pub fn answer(
        namespace: &str,
        action: &str,
        request_id: &str,
        result: Result<Option<Self>, AwsFault>,
    ) -> AwsAnswer {
        let (status, body) = match result {
            Ok(result) => (StatusCode::OK, Self::good(result, namespace, action, request_id)),
            Err(AwsFault { status, code, message }) => {
                let kind = if status.is_server_error() { "Receiver" } else { "Sender" };
                (status, Self::fault(namespace, kind, &code, &message, request_id))
            }
        };
        let mut answer = AwsAnswer::new(status, "text/xml", body);
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            answer.headers.insert("x-amzn-requestid", request_id);
        }
        answer
    }

    /// The answer to `action` around its result.
    fn good(result: Option<Self>, namespace: &str, action: &str, request_id: &str) -> String {
        let mut x = Self::default();
        if let Some(result) = result {
            x.node(&format!("{action}Result"), |x| x.0.push_str(&result.0));
        }
        x.node("ResponseMetadata", |x| x.leaf("RequestId", request_id));
        format!("<{action}Response xmlns=\"{namespace}\">{}</{action}Response>", x.0)
    }

    /// An error in the protocol's form.
    fn fault(namespace: &str, kind: &str, code: &str, message: &str, request_id: &str) -> String {
        let mut x = Self::default();
        x.node("Error", |x| {
            x.leaf("Type", kind);
            x.leaf("Code", code);
            x.leaf("Message", message);
        });
        x.leaf("RequestId", request_id);
        format!("<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>", x.0)
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
