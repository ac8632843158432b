//! Where stack templates find the weights.

use crate::route::{Destination, PartRef};
use crate::units::{Invalid, text_newtype};

text_newtype! {
    /// The path of SSM parameters: 1 to 13 names of letters, digits and . _ -, each behind a slash. It does not begin with /aws or /ssm, which are AWS's own.
    ParameterPath {
        noun: "a path of SSM parameters",
        pattern: r"^(/[A-Za-z0-9_.-]+){1,13}$",
        examples: &["/teal/weights/checkout"],
        check: check_path,
    }
}

/// One parameter and what it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightParameter {
    pub name: String,
    pub value: String,
}

impl ParameterPath {
    /// The parameters of a part of a route: the weights of a pair, or the version that an alias is to name.
    #[must_use]
    pub fn parameters(&self, part: &PartRef, serving: &Destination, idle: &Destination) -> Vec<WeightParameter> {
        if let Some((name, value)) = part.parameter(serving) {
            return vec![WeightParameter { name: format!("{self}/{name}"), value }];
        }
        // The one with the traffic comes first: between the two writes an update may read both, and no weight at all would be worse than
        // twice the whole.
        [(serving, "100"), (idle, "0")]
            .map(|(destination, value)| WeightParameter { name: self.of(destination), value: value.to_owned() })
            .into()
    }

    /// The name of the parameter that has a target group's weight.
    #[must_use]
    pub fn of(&self, destination: &Destination) -> String {
        format!("{self}/{}", destination.name())
    }
}

/// A parameter's name with its path may have 15 levels; the target group's name is one, a function with its alias are two. The whole name has at most 1,011 characters
/// with the ARN's head, which this keeps far below.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>
const MOST_LEVELS: usize = 13;

/// The most characters of a path.
const LONGEST: usize = 512;

fn check_path(text: &str) -> Result<(), Invalid> {
    let invalid = |reason: String| Err(Invalid::new(reason, "Write a path such as \"/teal/weights/checkout\""));
    let Some(path) = text.strip_prefix('/') else {
        return invalid("it does not begin with a slash".to_owned());
    };
    if text.len() > LONGEST {
        return invalid(format!("it has {} characters", text.len()));
    }
    let names: Vec<&str> = path.split('/').collect();
    if names.len() > MOST_LEVELS {
        return invalid(format!("it has {} levels", names.len()));
    }
    if names.iter().any(|name| name.is_empty()) {
        return invalid("a name in it is empty".to_owned());
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    if let Some(other) = path.chars().find(|c| *c != '/' && !is_part(*c)) {
        return invalid(format!("it contains {other:?}"));
    }
    let first = path.to_ascii_lowercase();
    match ["aws", "ssm"].into_iter().find(|reserved| first.starts_with(reserved)) {
        Some(reserved) => invalid(format!("names that begin with {reserved:?} are AWS's own")),
        None => Ok(()),
    }
}
