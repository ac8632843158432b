//! Rules of listeners.

use super::action::{self, Place};
use super::page;
use super::{Call, Result, check_arn, condition, missing};
use crate::model::{Account, Action, Condition, Kind, Listener, Rule, arn, forward_of};
use std::collections::BTreeMap;
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

pub(super) fn create(call: &mut Call<'_>) -> Result<Xml> {
    let params = &call.params;
    let listener_arn = params.required("ListenerArn")?;
    check_arn(listener_arn, "listener")?;
    let listener = call.account.listeners.get(listener_arn).ok_or_else(missing::listener)?;
    // A listener of flows has its default action only. Source: Network Load Balancers guide, "Listeners".
    if listener.kind() == Kind::Network {
        return Err(invalid("Rules are not supported for listeners of load balancers of type 'network'"));
    }
    let priority = read_priority(params)?;
    if call.account.rules_of(listener_arn).iter().any(|rule| rule.priority == priority) {
        return Err(in_use(priority));
    }
    let rule = Rule {
        arn: arn(&format!(
            "{}/{}",
            listener.arn.split_once(":listener/").map_or_else(String::new, |(_, id)| format!("listener-rule/{id}")),
            call.plane.dice.resource_id()
        )),
        listener_arn: listener_arn.to_owned(),
        priority,
        conditions: condition::read(params)?,
        actions: action::read(params, "Actions", &place(call.account, listener, &[]))?,
    };
    super::tags::put_new(call, &rule.arn)?;
    call.shifted(&rule.arn, None, forward_of(&rule.actions));
    let answer = described([Row::from(&rule)], None);
    call.account.rules.insert(rule.arn.clone(), rule);
    Ok(answer)
}

fn place<'a>(account: &'a Account, listener: &'a Listener, before: &'a [Action]) -> Place<'a> {
    let kind = listener.kind();
    Place { account, load_balancer_arn: &listener.load_balancer_arn, kind, protocol: listener.protocol, before }
}

fn read_priority(params: &Params<'_>) -> Result<u32> {
    params.number("Priority", 1..=50_000)?.ok_or_else(|| invalid("A priority must be specified"))
}

fn in_use(priority: u32) -> AwsFault {
    AwsFault::client("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

/// Lists the rules of a listener with the default rule last, or the rules of the given ARNs.
pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let params = &call.params;
    let arns = params.texts("RuleArns");
    let account = &*call.account;
    let rows: Vec<Row<'_>> = match params.text("ListenerArn") {
        Some(_) if !arns.is_empty() => {
            return Err(invalid("You cannot specify both rule ARNs and a listener ARN"));
        }
        Some(arn) => {
            check_arn(arn, "listener")?;
            let listener = account.listeners.get(arn).ok_or_else(missing::listener)?;
            let rules = account.rules_of(arn).into_iter().map(Row::from);
            rules.chain([Row::default_of(listener)]).collect()
        }
        None if arns.is_empty() => return Err(invalid("You must specify either rule ARNs or a listener ARN")),
        None => {
            let find = |arn: &&str| {
                check_arn(arn, "listener-rule")?;
                let default = || account.listeners.values().find(|l| l.default_rule_arn == **arn).map(Row::default_of);
                account.rules.get(*arn).map(Row::from).or_else(default).ok_or_else(missing::rule)
            };
            arns.iter().map(find).collect::<Result<_>>()?
        }
    };
    let (rows, marker) = page(params, rows, |row| row.arn.to_owned())?;
    Ok(described(rows, marker))
}

/// A rule as it is described; the default rule has neither priority nor conditions.
struct Row<'a> {
    arn: &'a str,
    priority: Option<u32>,
    conditions: &'a [Condition],
    actions: &'a [Action],
    kind: Kind,
}

impl<'a> From<&'a Rule> for Row<'a> {
    fn from(rule: &'a Rule) -> Self {
        let (conditions, actions) = (&rule.conditions, &rule.actions);
        // Only listeners of requests have rules of their own.
        Self { arn: &rule.arn, priority: Some(rule.priority), conditions, actions, kind: Kind::Application }
    }
}

impl<'a> Row<'a> {
    fn default_of(listener: &'a Listener) -> Self {
        let (arn, actions) = (&listener.default_rule_arn, &listener.default_actions);
        Self { arn, priority: None, conditions: &[], actions, kind: listener.kind() }
    }
}

fn described<'a>(rows: impl IntoIterator<Item = Row<'a>>, marker: Option<String>) -> Xml {
    let mut x = Xml::default();
    x.list("Rules", rows, |x, row| {
        x.leaf("RuleArn", row.arn);
        match row.priority {
            Some(priority) => x.leaf("Priority", priority),
            None => x.leaf("Priority", "default"),
        }
        x.list("Conditions", row.conditions, condition::write);
        x.list("Actions", row.actions, |x, action| action::write(x, action, row.kind));
        x.leaf("IsDefault", row.priority.is_none());
    });
    x.maybe("NextMarker", marker);
    x
}

/// Finds a rule to change. The default rule is changed with its listener.
///
/// Source: API Reference, ModifyRule and DeleteRule.
fn find<'a>(call: &'a Call<'_>, arn: &str) -> Result<(&'a Rule, &'a Listener)> {
    check_arn(arn, "listener-rule")?;
    if call.account.listeners.values().any(|listener| listener.default_rule_arn == arn) {
        return Err(AwsFault::client(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be modified; modify its listener"),
        ));
    }
    let rule = call.account.rules.get(arn).ok_or_else(missing::rule)?;
    let listener = call.account.listeners.get(&rule.listener_arn).ok_or_else(missing::listener)?;
    Ok((rule, listener))
}

/// Changes what is given and leaves the rest; a given list replaces the whole one before.
///
/// Source: API Reference, ModifyRule.
pub(super) fn modify(call: &mut Call<'_>) -> Result<Xml> {
    let params = call.params.clone();
    let arn = params.required("RuleArn")?;
    let (rule, listener) = find(call, arn)?;
    let mut changed = rule.clone();
    if params.has("Conditions") || params.has("Transforms") {
        changed.conditions = condition::read(&params)?;
    }
    if params.has("Actions") {
        changed.actions = action::read(&params, "Actions", &place(call.account, listener, &rule.actions))?;
    }
    let before = forward_of(&rule.actions).cloned();
    let answer = described([Row::from(&changed)], None);
    call.shifted(arn, before.as_ref(), forward_of(&changed.actions));
    call.account.rules.insert(arn.to_owned(), changed);
    Ok(answer)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Xml> {
    let arn = call.params.required("RuleArn")?;
    find(call, arn)?;
    call.account.rules.remove(arn);
    call.account.tags.remove(arn);
    Ok(Xml::default())
}

/// Sets several priorities at once; none is changed if one cannot be.
///
/// Source: API Reference, SetRulePriorities.
pub(super) fn set_priorities(call: &mut Call<'_>) -> Result<Xml> {
    let mut wanted: BTreeMap<String, u32> = BTreeMap::new();
    for pair in call.params.structures("RulePriorities") {
        let arn = pair.required("RuleArn")?;
        find(call, arn)?;
        wanted.insert(arn.to_owned(), read_priority(&pair)?);
    }
    if wanted.is_empty() {
        return Err(invalid("You must specify at least one rule and its priority"));
    }
    let priority = |rule: &Rule| wanted.get(&rule.arn).copied().unwrap_or(rule.priority);
    for arn in wanted.keys() {
        let (rule, _) = find(call, arn)?;
        let taken = priority(rule);
        let same = call.account.rules_of(&rule.listener_arn).into_iter().filter(|other| priority(other) == taken);
        if same.count() > 1 {
            return Err(in_use(taken));
        }
    }
    for (arn, priority) in &wanted {
        if let Some(rule) = call.account.rules.get_mut(arn) {
            rule.priority = *priority;
        }
    }
    Ok(described(wanted.keys().filter_map(|arn| call.account.rules.get(arn)).map(Row::from), None))
}
