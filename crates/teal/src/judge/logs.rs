//! Sums of exponentials without overflow, and the sizes of the mixture.

/// Bets per restart of the process against green.
pub(super) const THETAS: usize = 5;
/// Copies of the process, begun at the first period of traffic steps 1, 2 and 3.
pub(super) const RESTARTS: usize = 3;
/// Bets of the accept process.
pub(super) const ACCEPT_THETAS: usize = 3;

/// `ln(sum of exp(terms))`. Terms of minus infinity count nothing; no terms at all give minus infinity.
pub(super) fn log_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_terms_neither_overflow_nor_vanish() {
        assert!((log_sum_exp(&[1e6, 1e6]) - (1e6 + 2f64.ln())).abs() < 1e-9);
        assert!((log_sum_exp(&[-1e6, -1e6]) - (-1e6 + 2f64.ln())).abs() < 1e-9);
        assert!((log_sum_exp(&[0.5, f64::NEG_INFINITY]) - 0.5).abs() < 1e-15);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
