//! A Query answer's XML as JSON: elements become fields, `member` lists become arrays, text stays text.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// Decodes the content of the document's root element.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    // The outermost element holds the document; each level collects its children until its end.
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                let name = start.local_name();
                open.push(Element { name: AsRef::<str>::as_ref(&name).to_owned(), ..Element::default() });
            }
            Event::Empty(start) => {
                let name = start.local_name();
                let name = AsRef::<str>::as_ref(&name).to_owned();
                if let Some(parent) = open.last_mut() {
                    parent.children.push((name, Value::String(String::new())));
                }
            }
            Event::Text(content) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&content.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content();
                let character = reference.resolve_char_ref().map_err(|e| e.to_string())?;
                let resolved = character.map(String::from).or_else(|| resolve_predefined_entity(&name).map(Into::into));
                let resolved = resolved.ok_or_else(|| format!("unknown entity &{name};"))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&resolved);
                }
            }
            Event::End(_) => {
                let Some(element) = open.pop() else { return Err("more elements end than begin".into()) };
                let Some(parent) = open.last_mut() else { return Err("more elements end than begin".into()) };
                let name = element.name.clone();
                parent.children.push((name, element.into_value()));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty()).and_then(|document| document.children.into_iter().next());
    root.map(|(_, content)| content).ok_or_else(|| "the document has no complete root element".into())
}

#[derive(Default)]
struct Element {
    name: String,
    children: Vec<(String, Value)>,
    text: String,
}

impl Element {
    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text.trim().to_owned());
        }
        if self.children.iter().all(|(name, _)| name == "member") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        Value::Object(self.children.into_iter().collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_become_an_array_and_entities_characters() {
        let xml = "<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><DoResult><Items><member><A>1 &amp; 2</A><B/></member>\
                   <member><A>&#x41;</A></member></Items></DoResult></R>";
        let expected = json!({"DoResult": {"Items": [{"A": "1 & 2", "B": ""}, {"A": "A"}]}});
        assert_eq!(decode(xml), Ok(expected));
    }

    #[test]
    fn a_document_that_ends_early_is_refused() {
        assert!(decode("<R><A>1</A>").is_err());
    }
}
