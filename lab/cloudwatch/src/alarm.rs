//! What an alarm is: its configuration as the API carries it, and its state.

use crate::alarm_rule::AlarmRule;
use crate::evaluation::{AlarmState, ComparisonOperator, Criteria, TreatMissingData};
use crate::input::{Dimension, alarm_arn, epoch_seconds, require};
use crate::protocol::validation;
use crate::query::{Metric, MetricDataQuery, MetricStat, Queries};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, Millis};

/// The configuration that metric and composite alarms share.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Common {
    pub(crate) alarm_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alarm_description: Option<String>,
    #[serde(default = "yes")]
    pub(crate) actions_enabled: bool,
    #[serde(default, rename = "OKActions")]
    pub(crate) ok_actions: Vec<String>,
    #[serde(default)]
    pub(crate) alarm_actions: Vec<String>,
    #[serde(default)]
    pub(crate) insufficient_data_actions: Vec<String>,
}

fn yes() -> bool {
    true
}

/// A metric alarm as PutMetricAlarm takes it and DescribeAlarms gives it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetricAlarm {
    #[serde(flatten)]
    pub(crate) common: Common,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statistic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extended_statistic: Option<String>,
    #[serde(default)]
    pub(crate) dimensions: Vec<Dimension>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    pub(crate) evaluation_periods: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) datapoints_to_alarm: Option<usize>,
    pub(crate) threshold: f64,
    pub(crate) comparison_operator: ComparisonOperator,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) treat_missing_data: Option<TreatMissingData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evaluate_low_sample_count_percentile: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics: Vec<MetricDataQuery>,
}

/// A composite alarm as PutCompositeAlarm takes it and DescribeAlarms gives it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CompositeAlarm {
    #[serde(flatten)]
    pub(crate) common: Common,
    pub(crate) alarm_rule: String,
}

/// What a metric alarm watches, ready to be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) queries: Queries,
    /// The query whose data points are compared with the threshold.
    pub(crate) id: String,
    /// Seconds.
    pub(crate) period: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Definition {
    Metric(Box<MetricAlarm>, Watched),
    Composite(CompositeAlarm, AlarmRule),
}

/// A state and why the alarm is in it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) value: AlarmState,
    pub(crate) reason: String,
    pub(crate) reason_data: Option<String>,
    pub(crate) updated: Millis,
}

/// An alarm with everything that is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) definition: Definition,
    pub(crate) standing: Standing,
    /// When the value last changed; `standing.updated` also moves when only the reason does.
    pub(crate) transitioned: Millis,
    pub(crate) configured: Millis,
    /// When the alarm is evaluated next.
    pub(crate) due: Millis,
}

impl MetricAlarm {
    /// Checks what PutMetricAlarm was given, and finds out what the alarm watches.
    pub(crate) fn check(&self) -> Result<Watched, AwsFault> {
        self.common.check()?;
        require(self.evaluation_periods >= 1, || "EvaluationPeriods must be at least 1.".to_owned())?;
        let m = self.datapoints_to_alarm.unwrap_or(self.evaluation_periods);
        require((1..=self.evaluation_periods).contains(&m), || {
            "The value of DatapointsToAlarm must be at least 1 and no more than EvaluationPeriods.".to_owned()
        })?;
        let watched = if self.metrics.is_empty() { self.single_metric()? } else { self.metric_math()? };
        let seconds = watched.period.saturating_mul(i64::try_from(self.evaluation_periods).unwrap_or(i64::MAX));
        let (most, span) = if watched.period >= 3_600 { (604_800, "seven days") } else { (86_400, "a day") };
        require(seconds <= most, || {
            format!("Metrics cannot be checked across more than {span} (EvaluationPeriods * Period must be <= {most}).")
        })?;
        Ok(watched)
    }

    fn single_metric(&self) -> Result<Watched, AwsFault> {
        let (Some(name), Some(namespace)) = (&self.metric_name, &self.namespace) else {
            return Err(validation("Either MetricName and Namespace or Metrics must be specified."));
        };
        let stat = match (&self.statistic, &self.extended_statistic) {
            (Some(stat), None) | (None, Some(stat)) => stat.clone(),
            _ => return Err(validation("Exactly one of Statistic and ExtendedStatistic must be specified.")),
        };
        let period = self.period.ok_or_else(|| validation("Period must be specified."))?;
        check_alarm_period(period)?;
        let metric =
            Metric { namespace: namespace.clone(), metric_name: name.clone(), dimensions: self.dimensions.clone() };
        let query = MetricDataQuery {
            id: "m1".to_owned(),
            metric_stat: Some(MetricStat { metric, period, stat, unit: self.unit.clone() }),
            expression: None,
            label: None,
            return_data: Some(true),
            period: None,
        };
        Ok(Watched { queries: Queries::check(vec![query])?, id: "m1".to_owned(), period })
    }

    fn metric_math(&self) -> Result<Watched, AwsFault> {
        let single = self.metric_name.is_some() || self.namespace.is_some() || self.statistic.is_some();
        require(!single && self.period.is_none() && self.extended_statistic.is_none(), || {
            "Metrics cannot be specified together with MetricName, Namespace, Statistic or Period.".to_owned()
        })?;
        let queries = Queries::check(self.metrics.clone())?;
        let returning: Vec<_> = queries.iter().filter(|query| query.returns_data()).collect();
        let [query] = returning[..] else {
            return Err(validation("Exactly one element of the metrics list should return data."));
        };
        let period = queries.period(query)?;
        check_alarm_period(period)?;
        Ok(Watched { id: query.id.clone(), period, queries })
    }

    pub(crate) fn criteria(&self) -> Criteria {
        Criteria {
            evaluation_periods: self.evaluation_periods,
            data_points_to_alarm: self.datapoints_to_alarm.unwrap_or(self.evaluation_periods),
            treat_missing_data: self.treat_missing_data.unwrap_or_default(),
        }
    }
}

fn check_alarm_period(seconds: i64) -> Result<(), AwsFault> {
    require(matches!(seconds, 10 | 20 | 30) || (seconds >= 60 && seconds % 60 == 0), || {
        "Period must be 10, 20, 30 or a multiple of 60.".to_owned()
    })
}

impl Common {
    pub(crate) fn check(&self) -> Result<(), AwsFault> {
        let characters = self.alarm_name.chars().count();
        require((1..=255).contains(&characters), || "AlarmName must have 1 to 255 characters.".to_owned())
    }
}

impl Alarm {
    pub(crate) fn common(&self) -> &Common {
        match &self.definition {
            Definition::Metric(alarm, _) => &alarm.common,
            Definition::Composite(alarm, _) => &alarm.common,
        }
    }

    pub(crate) fn common_mut(&mut self) -> &mut Common {
        match &mut self.definition {
            Definition::Metric(alarm, _) => &mut alarm.common,
            Definition::Composite(alarm, _) => &mut alarm.common,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.common().alarm_name
    }

    /// `MetricAlarm` or `CompositeAlarm`.
    pub(crate) fn kind(&self) -> &'static str {
        match self.definition {
            Definition::Metric(..) => "MetricAlarm",
            Definition::Composite(..) => "CompositeAlarm",
        }
    }

    /// As DescribeAlarms gives it.
    pub(crate) fn describe(&self) -> Value {
        let configuration = match &self.definition {
            Definition::Metric(alarm, _) => serde_json::to_value(alarm),
            Definition::Composite(alarm, _) => serde_json::to_value(alarm),
        };
        let mut described = configuration.unwrap_or_else(|_| json!({}));
        described["AlarmArn"] = alarm_arn(self.name()).into();
        described["AlarmConfigurationUpdatedTimestamp"] = epoch_seconds(self.configured);
        described["StateValue"] = self.standing.value.name().into();
        described["StateReason"] = self.standing.reason.clone().into();
        if let Some(data) = &self.standing.reason_data {
            described["StateReasonData"] = data.clone().into();
        }
        described["StateUpdatedTimestamp"] = epoch_seconds(self.standing.updated);
        described["StateTransitionedTimestamp"] = epoch_seconds(self.transitioned);
        described
    }
}
