//! The query language of Logs Insights, as far as the lab has it.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>

mod condition;
mod token;

use crate::store::{Line, timestamp};
use condition::Condition;
use std::collections::BTreeMap;
use teal_lab_wire::Millis;
use token::{Token, Tokens};

/// Rows of a query that says no limit.
const USUAL_LIMIT: usize = 10_000;

/// One row of a result: field and value.
pub(crate) type Row = Vec<(String, String)>;

/// A query that can be run.
#[derive(Debug)]
pub(crate) struct Query {
    conditions: Vec<Condition>,
    gives: Gives,
    newest_first: bool,
    limit: usize,
    /// What is shown of the fields, if not all is.
    display: Option<Vec<String>>,
}

#[derive(Debug)]
enum Gives {
    Fields(Vec<Field>),
    /// How many lines, by so many milliseconds: the count's name, and the bin as it was written.
    Counts {
        name: String,
        bin: String,
        period: Millis,
    },
}

/// A field that a query gives.
#[derive(Debug)]
struct Field {
    /// What it is called in the line.
    of_line: String,
    /// What it is called in the result.
    name: String,
    /// From which character, and how many of them, if not all are wanted.
    part: Option<(usize, usize)>,
}

impl Field {
    fn whole(name: &str) -> Self {
        Self { of_line: name.to_owned(), name: name.to_owned(), part: None }
    }

    /// A name, or `substr(name, from, length)`; with `as` and another name, or without.
    fn parse(tokens: &mut Tokens) -> Result<Self, String> {
        let mut field = Self::whole(&tokens.word()?);
        if field.of_line == "substr" && tokens.take(&Token::Sign("(")) {
            field.of_line = tokens.word()?;
            tokens.expect(&Token::Sign(","))?;
            let from = tokens.number()?;
            tokens.expect(&Token::Sign(","))?;
            let length = tokens.number()?;
            tokens.expect(&Token::Sign(")"))?;
            field.name = format!("substr({}, {from}, {length})", field.of_line);
            field.part = Some((from, length));
        }
        if tokens.take(&Token::word("as")) {
            field.name = tokens.word()?;
        }
        Ok(field)
    }

    fn of(&self, line: &Line) -> Option<(String, String)> {
        let value = line.field(&self.of_line)?;
        let value = match self.part {
            Some((from, length)) => value.chars().skip(from).take(length).collect(),
            None => value,
        };
        Some((self.name.clone(), value))
    }
}

impl Query {
    /// # Errors
    /// A sentence, if it is none or not one that the lab has.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens::of(text)?;
        let usual = vec![Field::whole("@timestamp"), Field::whole("@message")];
        let mut query = Self {
            conditions: Vec::new(),
            gives: Gives::Fields(usual),
            newest_first: true,
            limit: USUAL_LIMIT,
            display: None,
        };
        loop {
            match tokens.word()?.as_str() {
                "fields" => query.gives = Gives::Fields(fields(&mut tokens)?),
                "filter" => query.conditions.push(Condition::parse(&mut tokens)?),
                "stats" => query.gives = counts(&mut tokens)?,
                "sort" => query.newest_first = newest_first(&mut tokens)?,
                "display" => query.display = Some(fields(&mut tokens)?.into_iter().map(|field| field.name).collect()),
                "limit" => query.limit = tokens.number()?,
                other => return Err(format!("the lab does not have the command {other}")),
            }
            match tokens.next() {
                None => return Ok(query),
                Some(Token::Bar) => {}
                Some(other) => return Err(format!("{other:?} is unexpected")),
            }
        }
    }

    /// What it gives of these lines.
    pub(crate) fn run<'a>(&self, lines: impl Iterator<Item = &'a Line>) -> Vec<Row> {
        let mut lines: Vec<&Line> =
            lines.filter(|line| self.conditions.iter().all(|condition| condition.holds(line))).collect();
        lines.sort_by_key(|line| line.at);
        if self.newest_first {
            lines.reverse();
        }
        let mut rows: Vec<Row> = match &self.gives {
            Gives::Fields(fields) => {
                lines.iter().map(|line| fields.iter().filter_map(|field| field.of(line)).collect()).collect()
            }
            Gives::Counts { name, bin, period } => {
                let mut counts: BTreeMap<Millis, u64> = BTreeMap::new();
                for line in lines {
                    *counts.entry(line.at.div_euclid(*period) * period).or_default() += 1;
                }
                let row =
                    |(at, count): (Millis, u64)| vec![(bin.clone(), timestamp(at)), (name.clone(), count.to_string())];
                counts.into_iter().map(row).collect()
            }
        };
        rows.truncate(self.limit);
        if let Some(shown) = &self.display {
            rows.iter_mut().for_each(|row| row.retain(|(name, _)| shown.contains(name)));
        }
        rows
    }
}

fn fields(tokens: &mut Tokens) -> Result<Vec<Field>, String> {
    let mut fields = vec![Field::parse(tokens)?];
    while tokens.take(&Token::Sign(",")) {
        fields.push(Field::parse(tokens)?);
    }
    Ok(fields)
}

/// `count(*) as name by bin(60s)`.
fn counts(tokens: &mut Tokens) -> Result<Gives, String> {
    for expected in [Token::word("count"), Token::Sign("("), Token::word("*"), Token::Sign(")")] {
        tokens.expect(&expected)?;
    }
    let name = if tokens.take(&Token::word("as")) { tokens.word()? } else { "count(*)".to_owned() };
    for expected in [Token::word("by"), Token::word("bin"), Token::Sign("(")] {
        tokens.expect(&expected)?;
    }
    let span = tokens.word()?;
    tokens.expect(&Token::Sign(")"))?;
    let unit = span.trim_start_matches(|c: char| c.is_ascii_digit());
    let millis = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("the lab does not have bins of {span}")),
    };
    let number: Millis = span[..span.len() - unit.len()].parse().map_err(|_| format!("{span} is no span of time"))?;
    if number < 1 {
        return Err(format!("{span} is no span of time"));
    }
    Ok(Gives::Counts { name, bin: format!("bin({span})"), period: number * millis })
}

fn newest_first(tokens: &mut Tokens) -> Result<bool, String> {
    let field = tokens.word()?;
    if field != "@timestamp" {
        return Err(format!("the lab sorts by @timestamp, not by {field}"));
    }
    let oldest_first = tokens.take(&Token::word("asc"));
    // `desc` is what it is without a word, too.
    let _ = !oldest_first && tokens.take(&Token::word("desc"));
    Ok(!oldest_first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: Millis, text: &str) -> Line {
        Line { at, stream: "app/app/1".to_owned(), text: text.to_owned() }
    }

    fn run(query: &str) -> Vec<String> {
        let lines = [
            line(0, r#"{"level":"error","service":"a","message":"order 1 failed","n":5}"#),
            line(59_999, r#"{"level":"info","service":"a","message":"fine","n":7}"#),
            line(60_000, "ERROR plain | text"),
            line(61_000, r#"{"level":"error","service":"b","at":{"host":"h1"}}"#),
        ];
        let rows = Query::parse(query).unwrap_or_else(|problem| panic!("{query}: {problem}")).run(lines.iter());
        rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn lines_are_filtered_by_their_fields() {
        assert_eq!(run(r#"filter level = "error" | fields service"#), ["b", "a"]);
        assert_eq!(run(r#"filter level = 'error' and service != "a" | fields at.host"#), ["h1"]);
        assert_eq!(
            run(r#"filter @message like "| text" or n > 6 | fields @message | limit 1"#),
            ["ERROR plain | text"]
        );
        assert_eq!(run("filter @message like /(?i)error/ and not (service = 'a') | fields @logStream").len(), 2);
        assert_eq!(run("filter message not like 'order' | fields message"), ["fine"]);
        assert_eq!(run("fields @timestamp | sort @timestamp asc | limit 2")[1], "1970-01-01 00:00:59.999");
    }

    #[test]
    fn a_field_is_given_in_part_and_by_another_name() {
        assert_eq!(run("fields substr(message, 6, 3) as m, substr(`service`, 0, 9)"), ["b", "", " a", "1 f a"]);
        let rows =
            Query::parse("fields @message as text, substr(@message, 1, 2)").unwrap().run([line(5, "äöü")].iter());
        assert_eq!(rows[0][0], ("text".to_owned(), "äöü".to_owned()));
        assert_eq!(rows[0][1], ("substr(@message, 1, 2)".to_owned(), "öü".to_owned()));
    }

    #[test]
    fn lines_are_counted_by_the_minute() {
        let minutes = ["1970-01-01 00:00:00.000 2", "1970-01-01 00:01:00.000 2"];
        assert_eq!(run("fields @message | stats count(*) as lines by bin(60s)"), minutes);
        let rows = Query::parse("stats count(*) as lines by bin(1m)").unwrap().run([line(5, "x")].iter());
        assert_eq!(rows[0][0].0, "bin(1m)");
        assert_eq!(rows[0][1], ("lines".to_owned(), "1".to_owned()));
    }

    #[test]
    fn what_the_lab_does_not_have_is_malformed() {
        for query in [
            "",
            "dedup a",
            "filter",
            "filter a like",
            "filter a = 'x",
            "fields substr(a, 0)",
            "stats sum(a)",
            "sort a",
            "limit x",
        ] {
            assert!(Query::parse(query).is_err(), "{query}");
        }
    }
}
