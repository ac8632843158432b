//! What Teal's table keeps of a run, item by item.

use super::Run;
use crate::LabError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Items of the table, as texts, by the kind that their partition key begins with: `release`, `request`, `hook`, `lock`, `watch`, ...
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(BTreeMap<String, BTreeSet<String>>);

impl Kept {
    /// Takes up an item if it is about the run: the names of its releases and resources begin with the scenario's.
    fn add(&mut self, item: &Value, scenario: &str) {
        let mut texts = Vec::new();
        collect(item, &mut texts);
        let text = texts.join("\n");
        if text.contains(scenario) {
            let kind = item["pk"]["S"].as_str().unwrap_or_default().split('#').next().unwrap_or_default();
            self.0.entry(kind.to_owned()).or_default().insert(text);
        }
    }

    /// How many items of each kind were seen; one that was written anew counts again.
    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        self.0.iter().map(|(kind, items)| (kind.clone(), items.len())).collect()
    }

    /// Every item with its kind.
    pub(super) fn items(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(kind, items)| items.iter().map(|item| (kind.as_str(), item.as_str())))
    }
}

/// The names and values in an item, without JSON's escapes: a text is found in them as it is.
fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                texts.push(name);
                collect(value, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Run<'_> {
    /// Reads all that the table has of this run now: some items, as the locks of routes, are gone when a release has ended.
    pub(super) async fn read_table(&mut self) -> Result<(), LabError> {
        let mut request = json!({"TableName": self.lab.deployment().table, "ConsistentRead": true});
        loop {
            let page = self.lab.aws().call("dynamodb", "Scan", request.clone()).await?;
            for item in page["Items"].as_array().into_iter().flatten() {
                self.kept.add(item, &self.scenario.name);
            }
            match page.get("LastEvaluatedKey").filter(|key| !key.is_null()) {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_about_a_run_are_kept_as_the_texts_that_they_hold() {
        let mut kept = Kept::default();
        let lock = json!({"pk": {"S": "lock#arn:aws:elb:listener/app/shop/1/2"}, "sk": {"S": "lock"}, "holder": {"S": "shop-1"}});
        let request = json!({"pk": {"S": "request#shop-1"}, "sk": {"S": "abort"}, "request": {"M": {"note": {"S": "say \"x\\y\""}}}});
        let other = json!({"pk": {"S": "release#cart-1"}, "sk": {"S": "record"}});
        for item in [&lock, &request, &request, &other] {
            kept.add(item, "shop");
        }
        assert_eq!(kept.counts(), [("lock".to_owned(), 1), ("request".to_owned(), 1)].into());
        let found: Vec<_> = kept.items().filter(|(_, text)| text.contains("say \"x\\y\"")).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "request");
    }
}
