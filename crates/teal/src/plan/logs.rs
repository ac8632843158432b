//! What each colour's log says about its requests.

use super::cloudwatch::{COLOUR_PLACEHOLDERS, CountMetric, check_placeholders};
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the bad lines of a colour's log are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LogSource {
    /// By a metric filter on the log group, which publishes the count as a metric of CloudWatch.
    Filter(CountMetric),
    /// By a query at every look.
    Query(Box<LogQuery>),
}

/// The bad lines of a colour's log, counted at every look by CloudWatch Logs Insights, among the colour's requests. What tells
/// the colours apart stands in the log groups or in the query as `${service}`, `${colour}` or `${targetGroup}`. Give one of
/// `query` and `pattern`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogQuery {
    /// The log groups that are searched, by name.
    #[schemars(length(min = 1, max = 10))]
    pub log_groups: Vec<LogGroup>,
    /// The commands of Logs Insights that leave the bad lines, such as `filter level = "error"`. Teal counts what they leave.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<LogCommands>,
    /// The text that a bad line contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<LogText>,
    /// How long after its end a minute is first read: lines arrive late, and are found some time after that. At most 15m; where
    /// `judge.settle` is longer, that counts.
    #[serde(default = "usual_settle")]
    pub settle: Span,
    /// What about a message that blue never wrote. Without this field nobody looks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_messages: Option<NewMessages>,
}

/// Messages that green writes and blue did not, neither in the same minutes nor in the three hours before. Numbers and words
/// with digits in them make no difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMessages {
    /// The field of Logs Insights that has the message: `message`, say, where lines are JSON.
    #[serde(default = "whole_line")]
    pub field: LogField,
    /// The field that tells requests apart, such as `requestId`: then requests are counted, and not lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_field: Option<LogField>,
    /// How often green must have written one such message.
    #[schemars(range(min = 1, max = 10_000))]
    pub at_least: u32,
    /// What happens then.
    #[serde(default)]
    pub then: NewMessageAction,
}

/// What happens when green has written a new message often enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NewMessageAction {
    /// Every look names it.
    #[default]
    Report,
    /// The traffic goes back to blue. How often that happens to a healthy release is not bounded by `alpha`.
    RollBack,
}

const fn usual_settle() -> Span {
    Span::minutes(3)
}

fn whole_line() -> LogField {
    LogField("@message".to_owned())
}

impl LogQuery {
    /// The commands of Logs Insights that leave the bad lines, placeholders as they are.
    #[must_use]
    pub fn commands(&self) -> String {
        match (&self.query, &self.pattern) {
            (Some(query), _) => query.to_string(),
            (None, Some(pattern)) => format!("filter @message like \"{pattern}\""),
            // A checked plan has one of the two.
            (None, None) => "filter 1 = 1".to_owned(),
        }
    }

    /// Whether other lines are found for each colour.
    #[must_use]
    pub fn tells_colours_apart(&self) -> bool {
        let texts = self.log_groups.iter().map(LogGroup::as_str).chain(self.query.as_ref().map(LogCommands::as_str));
        let mut texts = texts.chain(self.pattern.as_ref().map(LogText::as_str));
        texts.any(|text| COLOUR_PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder)))
    }
}

text_newtype! {
    /// The name of a log group, 1 to 512 characters; `${service}`, `${colour}` and `${targetGroup}` stand for what is the colour's.
    LogGroup {
        noun: "the name of a log group",
        pattern: r"^[A-Za-z0-9._/#${}-]{1,512}$",
        examples: &["/ecs/${service}"],
        check: check_log_group,
    }
}

text_newtype! {
    /// Commands of Logs Insights, 1 to 2000 characters, of which none counts, sorts or limits: Teal adds those.
    LogCommands {
        noun: "commands of Logs Insights",
        pattern: r"^[^\x00-\x08\x0b-\x1f]{1,2000}$",
        examples: &["filter level = \"error\""],
        check: check_commands,
    }
}

text_newtype! {
    /// A text in a log line: 1 to 200 characters, no double quote and no backslash.
    LogText {
        noun: "a text in a log line",
        pattern: r#"^[^\x00-\x1f"\\]{1,200}$"#,
        examples: &["ERROR"],
        check: check_log_text,
    }
}

text_newtype! {
    /// A field that Logs Insights finds in a line: letters, digits, and `@`, `_`, `.` and `-`; 1 to 100 characters.
    LogField {
        noun: "a field of a log line",
        pattern: r"^[@A-Za-z_][A-Za-z0-9_.-]{0,99}$",
        examples: &["@message", "requestId"],
        check: check_log_field,
    }
}

fn check_log_group(text: &str) -> Result<(), Invalid> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._/#${}-".contains(c);
    if !(1..=512).contains(&text.len()) || !text.chars().all(is_allowed) {
        return Err(Invalid::new(
            "a log group's name is 1 to 512 letters, digits and ._/#-",
            "Write the name as CloudWatch shows it, not the ARN",
        ));
    }
    check_placeholders(text)
}

fn check_commands(text: &str) -> Result<(), Invalid> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > 2000 {
        return Err(Invalid::new(format!("it has {length} characters"), "Write 1 to 2000 characters"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Invalid::new("it has a control character", "Leave it out"));
    }
    for command in commands(text) {
        let word: String = command.trim().chars().take_while(char::is_ascii_alphabetic).collect();
        if !["fields", "filter", "filterIndex", "parse"].contains(&word.as_str()) {
            return Err(Invalid::new(
                format!("`{}` is not a command that leaves lines as they are", first_word(command)),
                "Use filter, filterIndex, parse and fields; Teal counts what they leave",
            ));
        }
    }
    check_placeholders(text)
}

fn first_word(command: &str) -> &str {
    command.split_whitespace().next().unwrap_or_default()
}

/// Cuts a query at the bars between its commands, not at those in quotes or in regular expressions. A slash begins a regular
/// expression where it stands between a blank and something else; where a number is divided, both sides are alike.
fn commands(text: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let (mut begin, mut quote, mut before) = (0, None, ' ');
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let followed = letters.peek().is_some_and(|(_, next)| !next.is_whitespace());
        match quote {
            Some(_) if letter == '\\' => _ = letters.next(),
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '\'' | '`') => quote = Some(letter),
            None if letter == '/' && before.is_whitespace() && followed => quote = Some('/'),
            None if letter == '|' => {
                commands.push(&text[begin..at]);
                begin = at + 1;
            }
            None => {}
        }
        before = letter;
    }
    commands.push(&text[begin..]);
    commands
}

fn check_log_text(text: &str) -> Result<(), Invalid> {
    let is_plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if (1..=200).contains(&text.chars().count()) && !text.trim().is_empty() && text.chars().all(is_plain) {
        return check_placeholders(text);
    }
    Err(Invalid::new(
        "it is not 1 to 200 characters without double quotes and backslashes",
        "Write a text that stands in the line, such as \"ERROR\"; a `query` can say more",
    ))
}

fn check_log_field(text: &str) -> Result<(), Invalid> {
    let is_first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@' || c == '_');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if is_first && text.len() <= 100 && text.chars().skip(1).all(is_plain) {
        return Ok(());
    }
    Err(Invalid::new(
        "it is not a field's name: letters, digits, `_`, `.` and `-`, with `@` at most at its beginning",
        "Write the field as Logs Insights shows it, such as \"@message\" or \"requestId\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_in_quotes_and_regular_expressions_end_no_command() {
        let query = r#"parse @message "a|b *" as c | filter c like /x|limit \/ 5|y/ and d / 2 > 1 | fields e"#;
        let begins: Vec<&str> = commands(query).into_iter().map(first_word).collect();
        assert_eq!(begins, ["parse", "filter", "fields"]);
        assert!(query.parse::<LogCommands>().is_ok());
        let counted = "filter a = 1 | stats count(*)".parse::<LogCommands>().unwrap_err();
        assert!(counted.reason.contains("`stats`"), "{counted:?}");
        for refused in ["", " ", "limit 5", "filter a | sort b", "filter ${color} = 1", "filter a | "] {
            assert!(refused.parse::<LogCommands>().is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_pattern_is_a_query_for_a_text() {
        let query = |json: serde_json::Value| serde_json::from_value::<LogQuery>(json).unwrap();
        let by_pattern = query(serde_json::json!({"logGroups": ["/ecs/${service}"], "pattern": "ERROR"}));
        assert_eq!(by_pattern.commands(), r#"filter @message like "ERROR""#);
        assert!(by_pattern.tells_colours_apart());
        let same = query(serde_json::json!({"logGroups": ["/ecs/shop"], "pattern": "ERROR"}));
        assert!(!same.tells_colours_apart());
        assert!(r#"a "quote""#.parse::<LogText>().is_err());
    }
}
