//! Which AWS calls each function can make, read from the sources: from its `main.rs` to the steps, from these to the ports, and
//! from the ports' adapters to the IAM actions that they name.
//!
//! It knows no types. A method is looked for in every file, a function in the same file first, so that it may find too many calls,
//! and then a name must become clearer; a function that is only handed on (`map(read)`) is not followed.

use crate::repository::{actions, files, text};
use std::collections::{BTreeMap, BTreeSet};
use teal::release::Phase;

/// The functions of one file, by name.
struct File {
    stem: String,
    bodies: BTreeMap<String, String>,
}

/// Files of which any may call another.
struct Graph(Vec<File>);

/// A call in a body.
enum Call<'a> {
    /// `self.name(`, or of a variable.
    Method { receiver: &'a str, name: &'a str },
    /// `name(`, or `path::name(`.
    Function { module: Option<&'a str>, name: &'a str },
}

/// Whose methods are followed: the world's, also where a newtype holds it (`self.0`), and those of adapters by the names that they have there.
const FOLLOWED: [&str; 7] = ["self", "0", "step", "aws", "it", "beanstalk", "groups"];

/// What a transaction does to its items needs permissions of its own: how the adapter writes it, and the action.
const IN_TRANSACTIONS: [(&str, &str); 2] =
    [("Put::builder()", "dynamodb:PutItem"), ("Delete::builder()", "dynamodb:DeleteItem")];

/// The IAM actions that a function of `functions/` can call. Only the end of a release deletes items, so that who cannot end one
/// deletes none.
pub(crate) fn of_function(binary: &str) -> BTreeSet<String> {
    let steps = Graph::of(&["crates/teal/src/steps.rs", "crates/teal/src/steps"]);
    let adapters = Graph::of(&["crates/teal-aws/src"]);
    let constants = adapters.constants();
    let main = File::read("main", &text(&format!("functions/{binary}/src/main.rs")));
    let begun = main.bodies.values().flat_map(|body| calls(body)).filter_map(|call| match call {
        Call::Function { name, .. } => Some(name),
        Call::Method { .. } => None,
    });
    let steps = steps.reached(begun);
    let ends = endings().iter().any(|ending| steps.iter().any(|body| body.contains(ending.as_str())));
    let ports: BTreeSet<String> = steps.iter().flat_map(|body| asked_of_the_world(body)).collect();
    let bodies = adapters.reached(ports.iter().map(String::as_str));
    let named = |body: &&str| -> Vec<String> {
        let words = body.split(|character: char| !(character.is_ascii_uppercase() || character == '_'));
        let items = IN_TRANSACTIONS.into_iter().filter(|(written, _)| body.contains(written));
        let items = items.map(|(_, action)| action.to_owned());
        words.filter_map(|word| constants.get(word).cloned()).chain(actions(body)).chain(items).collect()
    };
    let mut called: BTreeSet<String> = bodies.iter().flat_map(named).collect();
    called.remove("dynamodb:TransactWriteItems");
    if !ends {
        called.remove("dynamodb:DeleteItem");
    }
    called
}

/// The events that end a release, as the steps write them: those that lead to a phase in which it holds no locks.
fn endings() -> BTreeSet<String> {
    let ends = [Phase::Promoted, Phase::RolledBack, Phase::Refused].map(|phase| {
        assert!(phase.is_terminal());
        format!("=> Ok(P::{phase:?}),")
    });
    let code = text("crates/teal/src/release/phase.rs");
    let arms = code.lines().filter(|line| ends.iter().any(|end| line.ends_with(end.as_str())));
    let events = arms.filter_map(|arm| Some(arm.split_once("E::")?.1.split_once(')')?.0));
    let events: BTreeSet<String> = events.map(|event| format!("Event::{event}")).collect();
    assert_eq!(events.len(), ends.len(), "{events:?}");
    events
}

impl Graph {
    fn of(paths: &[&str]) -> Self {
        let found = paths.iter().flat_map(|path| files(path));
        Self(
            found
                .map(|path| File::read(path.file_stem().unwrap().to_str().unwrap(), &text(path.to_str().unwrap())))
                .collect(),
        )
    }

    /// Names of IAM actions that stand at the top of a file.
    fn constants(&self) -> BTreeMap<String, String> {
        let heads = self.0.iter().filter_map(|file| file.bodies.get(""));
        let lines =
            heads.flat_map(|head| head.lines()).filter_map(|line| line.split_once("const ")?.1.split_once(": &str = "));
        lines.filter_map(|(name, value)| Some((name.to_owned(), actions(value).pop_first()?))).collect()
    }

    /// The bodies that are reached from functions of these names.
    fn reached<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<&str> {
        let mut open: Vec<(usize, &str)> = names.flat_map(|name| self.everywhere(name)).collect();
        let mut seen = BTreeSet::new();
        while let Some((file, name)) = open.pop() {
            if !seen.insert((file, name)) {
                continue;
            }
            for call in calls(&self.0[file].bodies[name]) {
                match call {
                    Call::Method { receiver, name } if FOLLOWED.contains(&receiver) => {
                        open.extend(self.everywhere(name));
                    }
                    Call::Method { .. } => {}
                    Call::Function { module: None | Some("Self"), name } => {
                        let here = self.0[file].bodies.get_key_value(name).map(|(name, _)| vec![(file, name.as_str())]);
                        open.extend(here.unwrap_or_else(|| self.everywhere(name)));
                    }
                    Call::Function { module: Some(module), name } => {
                        open.extend(self.everywhere(name).into_iter().filter(|(file, _)| self.0[*file].stem == module));
                    }
                }
            }
        }
        seen.into_iter().map(|(file, name)| self.0[file].bodies[name].as_str()).collect()
    }

    fn everywhere(&self, name: &str) -> Vec<(usize, &str)> {
        let files = self.0.iter().enumerate();
        files.filter_map(|(at, file)| Some((at, file.bodies.get_key_value(name)?.0.as_str()))).collect()
    }
}

impl File {
    /// What stands before the first function is under no name. Functions of one name are one.
    fn read(stem: &str, code: &str) -> Self {
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let mut bodies = BTreeMap::<String, String>::new();
        let mut name = String::new();
        for line in code.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
            if let Some(begun) = begins(line) {
                name = begun.to_owned();
            }
            let body = bodies.entry(name.clone()).or_default();
            // A chain of calls is one line.
            if !line.starts_with('.') {
                body.push('\n');
            }
            body.push_str(line);
        }
        Self { stem: stem.to_owned(), bodies }
    }
}

/// The name of the function that begins on a line.
fn begins(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_modifier =
        |word: &str| ["pub", "async", "const", "(crate)", "(super)", "(in", "crate::steps)"].contains(&word);
    let mut words = before.split_whitespace().flat_map(|word| word.split_inclusive("pub"));
    let name = &after[..after.find(|character: char| !is_part(character))?];
    (words.all(is_modifier) && !name.is_empty()).then_some(name)
}

fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The identifier at the end of a text, and what stands before it.
fn last_word(text: &str) -> (&str, &str) {
    text.split_at(text.rfind(|character: char| !is_part(character)).map_or(0, |at| at + 1))
}

fn calls(body: &str) -> Vec<Call<'_>> {
    let mut found = Vec::new();
    for (at, _) in body.match_indices('(') {
        let (before, name) = last_word(&body[..at]);
        if name.is_empty() || before.ends_with("fn ") {
            continue;
        }
        found.push(match (before.strip_suffix('.'), before.strip_suffix("::")) {
            // A newtype made for the call, `ScalingGroups(aws).is_behind(`, or whatever is handed the world, `group.hold_capacity(aws, hold)`.
            (Some(before), _)
                if ["(self)", "(aws)", "(self.0)"].iter().any(|world| before.ends_with(world))
                    || ["(aws,", "(aws)"].iter().any(|given| body[at..].starts_with(given)) =>
            {
                Call::Method { receiver: "self", name }
            }
            (Some(before), _) => Call::Method { receiver: last_word(before).1, name },
            (None, Some(before)) => Call::Function { module: Some(last_word(before).1), name },
            (None, None) => Call::Function { module: None, name },
        });
    }
    found
}

/// The ports' methods that a step calls: of the world, or of the side of it that the service is on.
fn asked_of_the_world(body: &str) -> Vec<String> {
    let asked = calls(body).into_iter().filter_map(|call| match call {
        Call::Method { receiver: "world" | "side", name } => Some(name.to_owned()),
        _ => None,
    });
    asked.collect()
}
