//! What people should know of a release before it begins, though it may begin.

use super::super::Step;
use crate::error::TealResult;
use crate::ports::{DestinationReading, Router, Survey, World};
use crate::route::{Action, Colours, RoutePart};
use crate::story::Fact;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl<W: World> Step<'_, W> {
    /// Notes in what blue and green differ besides the version, what green will not have of blue, and what stickiness means.
    pub(super) async fn note_differences(
        &mut self,
        side: &W::Side,
        survey: &Survey,
        colours: &Colours,
        route: &[RoutePart],
    ) -> TealResult<()> {
        let mut notes = unlike(survey);
        notes.extend(survey.lacking.iter().cloned());
        notes.extend(unlike_destinations(side, colours).await?);
        notes.extend(sticky_notes(route));
        for note in notes {
            self.note(Fact::Noted { note });
        }
        Ok(())
    }
}

async fn unlike_destinations(side: &impl Router, colours: &Colours) -> TealResult<Vec<String>> {
    let noun = colours.blue.noun();
    let blue = side.destination(&colours.blue).await?;
    let green = side.destination(&colours.green).await?;
    let mut list = unlike_settings(noun, &blue.settings, &green.settings);
    if blue.sticky != green.sticky {
        list.push(format!("{noun} stickiness: blue {}, green {}", on_off(&blue), on_off(&green)));
    }
    if blue.sticky || green.sticky {
        list.push(format!(
            "{noun}s are sticky: clients stay with the one that answered them until that ends (a cookie, a source address), whatever the weight"
        ));
    }
    Ok(list)
}

/// What stickiness of the route itself means for weights, where it is on.
fn sticky_notes(route: &[RoutePart]) -> Vec<String> {
    let sticky = route.iter().filter(|part| part.original.iter().any(Action::is_sticky));
    sticky
        .map(|part| {
            format!(
                "{} keeps clients on the destination that answered them first, until their cookie expires, whatever the weight: after rolling back they may still be sent to green",
                part.part
            )
        })
        .collect()
}

fn on_off(found: &DestinationReading) -> &'static str {
    if found.sticky { "on" } else { "off" }
}

/// Every difference between blue and green besides the version, in words.
fn unlike(survey: &Survey) -> Vec<String> {
    let runner = &survey.green;
    let mut list = unlike_settings(runner.facts().version_noun, &survey.blue_version, &survey.green_version);
    if let Some(green) = &survey.present {
        list.extend(unlike_settings(runner.facts().noun, &survey.blue.settings, &green.settings));
    }
    list
}

fn unlike_settings(what: &str, blue: &BTreeMap<String, Value>, green: &BTreeMap<String, Value>) -> Vec<String> {
    let keys: BTreeSet<&String> = blue.keys().chain(green.keys()).collect();
    keys.into_iter()
        .filter(|key| blue.get(*key) != green.get(*key))
        .map(|key| format!("{what} {key}: blue {}, green {}", show(blue.get(key)), show(green.get(key))))
        .collect()
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(|| "has none".to_owned(), |value| format!("has {value}"))
}
