//! The samples of one series in one period, in little room.

/// How many different values a period keeps exactly before it rounds them.
const EXACT_VALUES: usize = 256;
/// Neighbouring representatives of rounded values differ by this factor, so a value is off by at most 1 %.
const ROUNDING_RATIO: f64 = 1.02;

/// Count, sum, extremes and a histogram of the values seen.
///
/// The first [`EXACT_VALUES`] different values are kept as they are. A period with more (latencies, say) has its values
/// rounded to a logarithmic grid of 1 % precision: its size is then bounded by the logarithm of the range of values.
/// Sum, minimum and maximum stay exact.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Distribution {
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
    /// Value and how often it was seen, ascending by value.
    values: Vec<(f64, f64)>,
    rounded: bool,
    /// Something was published as a statistic set: how the values lie between its extremes is not known.
    unranked: bool,
}

impl Distribution {
    /// Adds `value`, seen `count` times.
    pub(crate) fn add(&mut self, value: f64, count: f64) {
        self.widen(value, value);
        self.count += count;
        self.sum += value * count;
        self.insert(value, count);
    }

    /// Adds a statistic set (`StatisticValues` of PutMetricData).
    pub(crate) fn add_statistics(&mut self, count: f64, sum: f64, minimum: f64, maximum: f64) {
        // CloudWatch serves percentiles of statistic sets only if all values are the same one.
        if minimum == maximum {
            self.insert(minimum, count);
        } else {
            self.unranked = true;
        }
        self.widen(minimum, maximum);
        self.count += count;
        self.sum += sum;
    }

    /// Adds everything that `other` has seen.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        self.widen(other.minimum, other.maximum);
        self.count += other.count;
        self.sum += other.sum;
        self.unranked |= other.unranked;
        for &(value, count) in &other.values {
            self.insert(value, count);
        }
    }

    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    pub(crate) fn minimum(&self) -> f64 {
        self.minimum
    }

    pub(crate) fn maximum(&self) -> f64 {
        self.maximum
    }

    /// Value and count, ascending by value; `None` if the values' ranks are not known.
    pub(crate) fn ranked(&self) -> Option<&[(f64, f64)]> {
        (!self.unranked && self.count > 0.0).then_some(self.values.as_slice())
    }

    /// The smallest value that at least `percent` of the samples do not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let values = self.ranked()?;
        let wanted = percent / 100.0 * self.count;
        let mut seen = 0.0;
        for &(value, count) in values {
            seen += count;
            // A rank that misses by rounding alone is reached.
            if seen >= wanted - 1e-9 * self.count {
                return Some(value.clamp(self.minimum, self.maximum));
            }
        }
        Some(self.maximum)
    }

    fn widen(&mut self, minimum: f64, maximum: f64) {
        if self.count == 0.0 {
            self.minimum = minimum;
            self.maximum = maximum;
        } else {
            self.minimum = self.minimum.min(minimum);
            self.maximum = self.maximum.max(maximum);
        }
    }

    fn insert(&mut self, value: f64, count: f64) {
        let value = if self.rounded { round(value) } else { value };
        match self.values.binary_search_by(|(seen, _)| seen.total_cmp(&value)) {
            Ok(at) => self.values[at].1 += count,
            Err(at) => {
                self.values.insert(at, (value, count));
                if !self.rounded && self.values.len() > EXACT_VALUES {
                    self.round_all();
                }
            }
        }
    }

    fn round_all(&mut self) {
        self.rounded = true;
        for (value, count) in std::mem::take(&mut self.values) {
            self.insert(value, count);
        }
    }
}

/// The nearest value on the logarithmic grid. Keeps the order of values.
fn round(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let step = (value.abs().ln() / ROUNDING_RATIO.ln()).round();
    value.signum() * ROUNDING_RATIO.powf(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Distribution {
        let mut distribution = Distribution::default();
        for value in values {
            distribution.add(*value, 1.0);
        }
        distribution
    }

    #[test]
    fn percentiles_of_few_values_are_exact() {
        let distribution = of(&[5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(distribution.percentile(50.0), Some(3.0));
        assert_eq!(distribution.percentile(99.9), Some(5.0));
        assert_eq!(distribution.percentile(20.0), Some(1.0));
    }

    #[test]
    fn a_statistic_set_with_a_range_has_no_percentiles() {
        let mut distribution = Distribution::default();
        distribution.add_statistics(10.0, 55.0, 1.0, 10.0);
        assert_eq!((distribution.count(), distribution.sum()), (10.0, 55.0));
        assert_eq!(distribution.percentile(50.0), None);
    }

    #[test]
    fn a_statistic_set_of_one_value_has_percentiles() {
        let mut distribution = Distribution::default();
        distribution.add_statistics(10.0, 20.0, 2.0, 2.0);
        assert_eq!(distribution.percentile(50.0), Some(2.0));
    }

    #[test]
    fn many_values_stay_small() {
        let mut distribution = Distribution::default();
        for step in 1..200_000 {
            distribution.add(f64::from(step) * 1e-5, 1.0);
        }
        assert!(distribution.values.len() < 700, "{}", distribution.values.len());
        assert_eq!(distribution.count(), 199_999.0);
    }

    proptest! {
        #[test]
        fn rounded_percentiles_are_within_one_percent(
            mut values in proptest::collection::vec(0.001_f64..60_000.0, 300..600),
            percent in 1.0_f64..100.0,
        ) {
            let distribution = of(&values);
            values.sort_by(f64::total_cmp);
            let rank = ((percent / 100.0 * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let got = distribution.percentile(percent).unwrap_or(f64::NAN);
            prop_assert!((got - exact).abs() <= exact * 0.0101, "{got} instead of {exact}");
        }

        #[test]
        fn merging_is_the_same_as_adding_all(
            left in proptest::collection::vec(-100.0_f64..100.0, 1..50),
            right in proptest::collection::vec(-100.0_f64..100.0, 1..50),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let all = of(&[left, right].concat());
            prop_assert_eq!(merged.values.as_slice(), all.values.as_slice());
            prop_assert_eq!(merged.count(), all.count());
            prop_assert_eq!(merged.minimum(), all.minimum());
            prop_assert_eq!(merged.maximum(), all.maximum());
            prop_assert!((merged.sum() - all.sum()).abs() < 1e-6);
        }
    }
}
