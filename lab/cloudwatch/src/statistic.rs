//! The statistics of CloudWatch.
//!
//! Source: "CloudWatch statistics definitions" in the CloudWatch user guide.

use crate::distribution::Distribution;

/// A statistic of one period of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p99`, `p99.9`: percent between 0 and 100.
    Percentile(f64),
    /// `TC(a:b)`, `tc90`: how many samples lie in the range.
    TrimmedCount(Range),
    /// `TS(a:b)`, `ts90`: the sum of the samples in the range.
    TrimmedSum(Range),
    /// `TM(a:b)`, `tm90`: the mean of the samples in the range.
    TrimmedMean(Range),
    /// `PR(a:b)`: which percentage of the samples lies in the range.
    PercentileRank(Range),
}

/// From the lower edge (exclusive) to the upper edge (inclusive), as values or as percentages of the samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    above: Option<f64>,
    up_to: Option<f64>,
    percent: bool,
}

impl Statistic {
    /// Reads the name of a statistic; `None` if CloudWatch has none of that name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "IQM" => Self::TrimmedMean(Range { above: Some(25.0), up_to: Some(75.0), percent: true }),
            _ => return Self::parse_extended(text),
        })
    }

    /// The five statistics that are not "extended" go into `Statistics` of GetMetricStatistics.
    pub(crate) fn is_basic(&self) -> bool {
        matches!(self, Self::SampleCount | Self::Average | Self::Sum | Self::Minimum | Self::Maximum)
    }

    fn parse_extended(text: &str) -> Option<Self> {
        if let Some(percent) = text.strip_prefix('p') {
            return percentage(percent).map(Self::Percentile);
        }
        let (name, range) = match text.split_once('(') {
            Some((name, rest)) => (name, Range::parse(rest.strip_suffix(')')?)?),
            None => {
                let (name, rest) = text.split_at_checked(2)?;
                (name, Range { above: None, up_to: Some(percentage(rest)?), percent: true })
            }
        };
        match name.to_ascii_uppercase().as_str() {
            "TC" => Some(Self::TrimmedCount(range)),
            "TS" => Some(Self::TrimmedSum(range)),
            "TM" => Some(Self::TrimmedMean(range)),
            "PR" if !range.percent => Some(Self::PercentileRank(range)),
            _ => None,
        }
    }

    /// The statistic of what was seen in a period; `None` is a missing data point.
    pub(crate) fn of(&self, seen: &Distribution) -> Option<f64> {
        if seen.count() <= 0.0 {
            return None;
        }
        match self {
            Self::SampleCount => Some(seen.count()),
            Self::Average => Some(seen.sum() / seen.count()),
            Self::Sum => Some(seen.sum()),
            Self::Minimum => Some(seen.minimum()),
            Self::Maximum => Some(seen.maximum()),
            Self::Percentile(percent) => seen.percentile(*percent),
            Self::TrimmedCount(range) => range.count_and_sum(seen).map(|(count, _)| count),
            Self::TrimmedSum(range) => range.count_and_sum(seen).map(|(_, sum)| sum),
            Self::TrimmedMean(range) => {
                range.count_and_sum(seen).filter(|(count, _)| *count > 0.0).map(|(count, sum)| sum / count)
            }
            Self::PercentileRank(range) => range.count_and_sum(seen).map(|(count, _)| count / seen.count() * 100.0),
        }
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (above, up_to) = text.split_once(':')?;
        let percent = above.ends_with('%') || up_to.ends_with('%');
        let edge = |text: &str| -> Option<Option<f64>> {
            let text = text.trim();
            if text.is_empty() {
                return Some(None);
            }
            match (percent, text.strip_suffix('%')) {
                (true, Some(number)) => percentage(number).map(Some),
                (false, None) => text.parse().ok().filter(|edge: &f64| edge.is_finite()).map(Some),
                _ => None,
            }
        };
        let range = Self { above: edge(above)?, up_to: edge(up_to)?, percent };
        let empty = matches!((range.above, range.up_to), (Some(above), Some(up_to)) if above >= up_to);
        let unbounded = range.above.is_none() && range.up_to.is_none();
        (!empty && !unbounded).then_some(range)
    }

    fn count_and_sum(&self, seen: &Distribution) -> Option<(f64, f64)> {
        let values = seen.ranked()?;
        let (mut count_within, mut sum_within) = (0.0, 0.0);
        let mut rank = 0.0;
        for &(value, count) in values {
            let within = if self.percent {
                let from = self.above.map_or(0.0, |percent| percent / 100.0 * seen.count());
                let to = self.up_to.map_or(seen.count(), |percent| percent / 100.0 * seen.count());
                ((rank + count).min(to) - f64::max(rank, from)).max(0.0)
            } else if self.above.is_none_or(|edge| value > edge) && self.up_to.is_none_or(|edge| value <= edge) {
                count
            } else {
                0.0
            };
            rank += count;
            count_within += within;
            sum_within += within * value;
        }
        Some((count_within, sum_within))
    }
}

fn percentage(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|percent: &f64| digits && (0.0..=100.0).contains(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to_ten() -> Distribution {
        let mut seen = Distribution::default();
        for value in 1..=10 {
            seen.add(f64::from(value), 1.0);
        }
        seen
    }

    #[test]
    fn statistics_of_the_numbers_one_to_ten() {
        let table = [
            ("SampleCount", 10.0),
            ("Average", 5.5),
            ("Sum", 55.0),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("p50", 5.0),
            ("p90", 9.0),
            ("p99.9", 10.0),
            ("p100", 10.0),
            ("TC(2:5)", 3.0), // 3, 4, 5: the lower edge is outside, the upper edge inside
            ("TC(:5)", 5.0),
            ("TC(5:)", 5.0),
            ("TC(10%:90%)", 8.0),
            ("tc90", 9.0),
            ("TS(2:5)", 12.0),
            ("TM(2:5)", 4.0),
            ("tm50", 3.0),
            ("IQM", 5.5),
            ("PR(:3)", 30.0),
            ("PR(2:5)", 30.0),
        ];
        for (name, expected) in table {
            let got = Statistic::parse(name).and_then(|statistic| statistic.of(&one_to_ten()));
            assert_eq!(got, Some(expected), "{name}");
        }
    }

    #[test]
    fn what_cloudwatch_does_not_know_is_refused() {
        for name in
            ["", "sum", "p", "p101", "p-1", "pinf", "TC", "TC(5:2)", "TC(:)", "TC(1%:5)", "PR(1%:5%)", "XX(1:2)", "tcé"]
        {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn nothing_seen_is_a_missing_data_point() {
        for name in ["SampleCount", "Sum", "p50", "TC(1:2)"] {
            let got = Statistic::parse(name).and_then(|statistic| statistic.of(&Distribution::default()));
            assert_eq!(got, None, "{name}");
        }
    }
}
