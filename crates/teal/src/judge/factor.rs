//! What one period does to the wealth: the logarithms of the betting factors.

use super::Counts;
use super::logs::{ACCEPT_THETAS, THETAS};

/// How much worse (in odds) each bet expects green to be.
pub(super) const THETA: [f64; THETAS] = [1.5, 2.0, 4.0, 12.0, 200.0];
/// How much better than the accept process's null each of its bets expects green to be.
const ACCEPT_THETA: [f64; ACCEPT_THETAS] = [0.02, 0.2, 0.5];
/// The accept process's null: green's bad rate is at least `ACCEPT_RHO` times blue's, plus `ACCEPT_DELTA`.
const ACCEPT_RHO: f64 = 2.0;
const ACCEPT_DELTA: f64 = 0.001;

/// What one period says against green.
pub(super) struct Factors {
    /// Valid whatever the dependence between requests inside the period, as long as the share of the bad requests that is expected
    /// of green is within the tolerated one (to which `cv` adds).
    pub(super) robust: [f64; THETAS],
    /// Sharper, but valid only if `phi` and `cv` are not underestimated.
    pub(super) tempered: [f64; THETAS],
}

/// The factors of a period, or `None` where it is not informative: no green, no blue, or nothing bad on either.
pub(super) fn factors(green: Counts, blue: Counts, rho: f64, phi: f64, cv: f64) -> Option<Factors> {
    if green.total() == 0 || blue.total() == 0 || (green.bad() == 0 && blue.bad() == 0) {
        return None;
    }
    let (g, b) = (green.total() as f64, blue.total() as f64);
    let (x, y) = (green.bad() as f64, blue.bad() as f64);
    let bad = x + y;

    // Noise that hits one colour only raises the expected share of the smaller colour: a convexity effect, so the
    // tolerated ratio grows with cv where green is the smaller one.
    let tolerated = rho * (1.0 + cv * cv * (1.0 - 2.0 * g / (g + b)).max(0.0));
    // The share of the bad requests that green may have under the null, and the rest: two quotients, because 1 - pi
    // would cancel where blue is very small.
    let pi = tolerated * g / (tolerated * g + b);
    let rest = b / (tolerated * g + b);
    // The effective number of independent clumps of errors; noise between the colours bounds what even endless
    // requests can tell.
    let clumps = (bad / phi).min(1.0 / (2.0 * cv * cv * pi * rest));

    // Told from the side that is expected to have the fewer bad requests: theta for green is 1/theta for blue. From the other
    // side small differences between numbers near 1 would vanish, and `clumps` multiplies what is left of them.
    let is_green_smaller = pi <= rest;
    let (share, expected) = if is_green_smaller { (x / bad, pi) } else { (y / bad, rest) };
    let mut robust = [0.0; THETAS];
    let mut tempered = [0.0; THETAS];
    for (i, theta) in THETA.into_iter().enumerate() {
        let theta = if is_green_smaller { theta } else { 1.0 / theta };
        let ln_den = ((theta - 1.0) * expected).ln_1p();
        robust[i] = ((theta - 1.0) * share).ln_1p() - ln_den;
        tempered[i] = if clumps <= 1.0 { robust[i] } else { clumps * (share * theta.ln() - ln_den) };
    }
    Some(Factors { robust, tempered })
}

/// What one period does to the accept process, which bets that green is good enough. Periods without green or blue
/// change nothing; one without anything bad is evidence for green.
pub(super) fn accept_factors(green: Counts, blue: Counts, phi: f64) -> [f64; ACCEPT_THETAS] {
    if green.total() == 0 || blue.total() == 0 {
        return [0.0; ACCEPT_THETAS];
    }
    let (g, b) = (green.total() as f64, blue.total() as f64);
    let (x, y) = (green.bad() as f64, blue.bad() as f64);
    let pi = ACCEPT_RHO * g / (ACCEPT_RHO * g + b);
    let rest = b / (ACCEPT_RHO * g + b);
    ACCEPT_THETA.map(|theta| {
        // As above: what `den` differs by from 1, or from theta, is what many requests are multiplied with.
        let (ln_den, ln_odds) = if pi <= rest {
            let ln_den = ((theta - 1.0) * pi).ln_1p();
            (ln_den, theta.ln() - ln_den)
        } else {
            let ln_odds = -((1.0 / theta - 1.0) * rest).ln_1p();
            (theta.ln() - ln_odds, ln_odds)
        };
        let short_of_one = (1.0 - theta) * rest / (rest + pi * theta);
        (x * ln_odds - y * ln_den + g * ACCEPT_DELTA * short_of_one) / phi
    })
}
