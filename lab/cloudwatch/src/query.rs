//! Metric queries, as GetMetricData and metric-math alarms use them.

use crate::input::{Dimension, require};
use crate::math::{self, Points, Scope, Value};
use crate::math_syntax;
use crate::protocol::validation;
use crate::statistic::Statistic;
use crate::store::{SECOND, SeriesKey, Store, Window};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use teal_lab_wire::{AwsFault, Millis};

/// Periods of one query's time range, so that a slip in a time does not take all memory.
const MOST_PERIODS: usize = 1_000_000;

/// A year, in seconds; nothing is kept for longer anywhere.
const LONGEST_PERIOD: i64 = 366 * 86_400;

/// Expressions that refer to expressions; the lab's own limit.
const LONGEST_CHAIN: usize = 20;

/// `MetricDataQuery` of the API: a metric's statistic, or an expression over other queries.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetricDataQuery {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric_stat: Option<MetricStat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) return_data: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<i64>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetricStat {
    pub(crate) metric: Metric,
    /// Seconds.
    pub(crate) period: i64,
    pub(crate) stat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) metric_name: String,
    #[serde(default)]
    pub(crate) dimensions: Vec<Dimension>,
}

impl Metric {
    pub(crate) fn key(&self) -> SeriesKey {
        let dimensions = self.dimensions.iter().map(|d| (d.name.clone(), d.value.clone()));
        SeriesKey::new(&self.namespace, &self.metric_name, dimensions)
    }
}

impl MetricDataQuery {
    pub(crate) fn returns_data(&self) -> bool {
        self.return_data.unwrap_or(true)
    }

    /// What the result is called if the query does not say.
    pub(crate) fn label(&self) -> String {
        match (&self.label, &self.metric_stat) {
            (Some(label), _) => label.clone(),
            (None, Some(stat)) => stat.metric.metric_name.clone(),
            (None, None) => self.id.clone(),
        }
    }
}

/// Queries that passed CloudWatch's checks.
#[derive(Clone, Debug)]
pub(crate) struct Queries(Vec<MetricDataQuery>);

impl Queries {
    /// Checks the queries of one request.
    pub(crate) fn check(queries: Vec<MetricDataQuery>) -> Result<Self, AwsFault> {
        let mut ids = HashSet::new();
        for query in &queries {
            let id = &query.id;
            let well_formed = id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            require(well_formed, || {
                format!(
                    "The value {id} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
                )
            })?;
            require(ids.insert(id.as_str()), || {
                format!("The values for parameter id in MetricDataQueries are not unique: {id}.")
            })?;
            match (&query.metric_stat, &query.expression) {
                (Some(stat), None) => {
                    check_period(stat.period)?;
                    require(Statistic::parse(&stat.stat).is_some(), || {
                        format!(
                            "The value {} for parameter MetricDataQueries.member.MetricStat.Stat is not supported.",
                            stat.stat
                        )
                    })?;
                }
                (None, Some(expression)) => {
                    if let Some(period) = query.period {
                        check_period(period)?;
                    }
                    math_syntax::parse(expression)
                        .map_err(|problem| validation(format!("Error in expression '{id}': {problem}.")))?;
                }
                _ => return Err(validation(format!("The query {id} must have either MetricStat or Expression."))),
            }
        }
        Ok(Self(queries))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &MetricDataQuery> {
        self.0.iter()
    }

    /// The period in seconds that a query's data points have.
    pub(crate) fn period(&self, query: &MetricDataQuery) -> Result<i64, AwsFault> {
        if let Some(stat) = &query.metric_stat {
            return Ok(stat.period);
        }
        // An expression has the period of the metrics of its request.
        let mut periods = self.0.iter().filter_map(|query| query.metric_stat.as_ref()).map(|stat| stat.period);
        let period = query.period.or_else(|| periods.next()).unwrap_or(60);
        require(periods.all(|other| other == period), || {
            format!("Error in expression '{}': the lab combines only metrics of one period.", query.id)
        })?;
        Ok(period)
    }

    /// The data points of the query `id` in a window of its own period.
    pub(crate) fn evaluate(&self, id: &str, store: &Store, window: Window) -> Result<Points, AwsFault> {
        let evaluation = Evaluation { queries: &self.0, store, window, known: RefCell::default() };
        let points =
            evaluation.points(id).map_err(|problem| validation(format!("Error in expression '{id}': {problem}.")))?;
        // A sum can leave the range of numbers; what is not a number is no data point.
        Ok(points.into_iter().map(|point| point.filter(|value| value.is_finite())).collect())
    }
}

pub(crate) fn check_period(seconds: i64) -> Result<(), AwsFault> {
    let valid =
        matches!(seconds, 1 | 5 | 10 | 20 | 30) || ((60..=LONGEST_PERIOD).contains(&seconds) && seconds % 60 == 0);
    require(valid, || {
        format!("The value {seconds} for parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.")
    })
}

/// The periods between two times, the first one rounded down to a multiple of the period.
pub(crate) fn aligned_window(start: Millis, end: Millis, period_seconds: i64) -> Result<Window, AwsFault> {
    let period = period_seconds * SECOND;
    let window = Window { start: start.div_euclid(period) * period, end, period };
    require(window.len() <= MOST_PERIODS, || {
        format!(
            "The time range has {} periods of {period_seconds} s; the lab looks at {MOST_PERIODS} at most.",
            window.len()
        )
    })?;
    Ok(window)
}

struct Evaluation<'a> {
    queries: &'a [MetricDataQuery],
    store: &'a Store,
    window: Window,
    /// What each query was found to be; `None` while an expression is being evaluated, so that a circle is noticed.
    known: RefCell<HashMap<&'a str, Option<Points>>>,
}

impl Evaluation<'_> {
    fn compute(&self, query: &MetricDataQuery) -> Result<Points, String> {
        if let Some(stat) = &query.metric_stat {
            let statistic =
                Statistic::parse(&stat.stat).ok_or_else(|| format!("the statistic {} is not known", stat.stat))?;
            return Ok(self.store.data_points(&stat.metric.key(), &statistic, self.window));
        }
        let expression = math_syntax::parse(query.expression.as_deref().unwrap_or_default())?;
        match math::evaluate(&expression, self)? {
            Value::Series(points) => Ok(points),
            // A number alone is a level line.
            Value::Scalar(number) => Ok(vec![Some(number); self.window.len()]),
            Value::List(_) => Err("the lab has no expressions that return several time series".to_owned()),
        }
    }
}

impl Scope for Evaluation<'_> {
    fn points(&self, id: &str) -> Result<Points, String> {
        let query = self.queries.iter().find(|query| query.id == id);
        let query = query.ok_or_else(|| format!("the id {id} is not known"))?;
        match self.known.borrow().get(id) {
            Some(Some(points)) => return Ok(points.clone()),
            Some(None) => return Err(format!("{id} refers to itself")),
            None => {}
        }
        if self.known.borrow().values().filter(|points| points.is_none()).count() >= LONGEST_CHAIN {
            return Err(format!("more than {LONGEST_CHAIN} expressions build on each other"));
        }
        self.known.borrow_mut().insert(&query.id, None);
        let points = self.compute(query)?;
        self.known.borrow_mut().insert(&query.id, Some(points.clone()));
        Ok(points)
    }

    fn metrics(&self, id_contains: &str) -> Result<Vec<Points>, String> {
        self.queries
            .iter()
            .filter(|query| query.metric_stat.is_some() && query.id.contains(id_contains))
            .map(|query| self.points(&query.id))
            .collect()
    }

    fn period_seconds(&self) -> f64 {
        self.window.period as f64 / SECOND as f64
    }
}
