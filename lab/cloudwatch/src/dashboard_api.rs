//! Dashboards, kept as they are given.

use crate::input::read;
use crate::protocol::NO_DASHBOARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal_lab_wire::{ACCOUNT, AwsFault};

/// Bodies by name.
pub(crate) type Dashboards = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutDashboard {
    dashboard_name: String,
    dashboard_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetDashboard {
    dashboard_name: String,
}

pub(crate) fn put(input: Value, dashboards: &mut Dashboards) -> Result<Value, AwsFault> {
    let input: PutDashboard = read(input)?;
    serde_json::from_str::<Value>(&input.dashboard_body).map_err(|error| {
        let message = format!("The field DashboardBody must be a valid JSON object: {error}.");
        AwsFault::client("InvalidParameterInput", message)
    })?;
    dashboards.insert(input.dashboard_name, input.dashboard_body);
    Ok(json!({"DashboardValidationMessages": []}))
}

pub(crate) fn get(input: Value, dashboards: &Dashboards) -> Result<Value, AwsFault> {
    let input: GetDashboard = read(input)?;
    let body = dashboards.get(&input.dashboard_name).ok_or_else(|| {
        let message = format!("Dashboard {} does not exist.", input.dashboard_name);
        let mut fault = AwsFault::client(NO_DASHBOARD, message);
        fault.status = http::StatusCode::NOT_FOUND;
        fault
    })?;
    Ok(json!({
        "DashboardName": input.dashboard_name,
        "DashboardArn": format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{}", input.dashboard_name),
        "DashboardBody": body,
    }))
}
