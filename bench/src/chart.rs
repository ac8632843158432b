//! Charts as SVG, drawn without any library.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 48.0;

/// Okabe and Ito's colours, which people with colour blindness can tell apart.
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];

/// How a value becomes a height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// From the first to the second value.
    Linear(f64, f64),
    /// From ten to the first power to ten to the second.
    PowersOfTen(i32, i32),
}

/// One line of a line chart.
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its values at 1, 2, 3, ...
    pub values: Vec<f64>,
}

/// A line chart over the minutes of a release.
pub struct LineChart<'a> {
    /// What it shows.
    pub title: &'a str,
    /// What its heights mean.
    pub y_label: &'a str,
    /// How values become heights.
    pub scale: Scale,
    /// The lines, at most eight.
    pub lines: Vec<Line>,
    /// A dashed line across, with its name.
    pub limit: Option<(f64, &'a str)>,
    /// The weights of the steps, five minutes each, shaded.
    pub steps: &'a [f64],
}

impl Scale {
    /// 0 at the bottom, 1 at the top; values outside are held at the edges.
    fn place(self, value: f64) -> f64 {
        let (from, to, value) = match self {
            Self::Linear(from, to) => (from, to, value),
            Self::PowersOfTen(from, to) => (f64::from(from), f64::from(to), value.max(f64::MIN_POSITIVE).log10()),
        };
        ((value - from) / (to - from)).clamp(0.0, 1.0)
    }

    fn ticks(self) -> Vec<(f64, String)> {
        match self {
            Self::Linear(from, to) => (0..=5)
                .map(|i| from + (to - from) * f64::from(i) / 5.0)
                .map(|value| (value, format!("{}", (value * 100.0).round() / 100.0)))
                .collect(),
            Self::PowersOfTen(from, to) => (from..=to)
                .map(|power| {
                    (
                        10f64.powi(power),
                        if power < 0 {
                            format!("1/{}", 10i64.pow(power.unsigned_abs()))
                        } else {
                            10i64.pow(power.unsigned_abs()).to_string()
                        },
                    )
                })
                .collect(),
        }
    }
}

impl LineChart<'_> {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let longest = self.lines.iter().map(|line| line.values.len()).max().unwrap_or(1);
        let x = |minute: f64| LEFT + minute / longest as f64 * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| TOP + (1.0 - self.scale.place(value)) * (HEIGHT - TOP - BOTTOM);
        let mut svg = begin(self.title);
        let minutes = longest as f64 / self.steps.len().max(1) as f64;
        for (i, weight) in self.steps.iter().enumerate() {
            let (from, to) = (x(i as f64 * minutes), x((i + 1) as f64 * minutes));
            let shade = if i % 2 == 0 { "#f4f4f4" } else { "#e9e9e9" };
            let _ = write!(
                svg,
                r#"<rect x="{from:.1}" y="{TOP}" width="{:.1}" height="{:.1}" fill="{shade}"/>"#,
                to - from,
                HEIGHT - TOP - BOTTOM
            );
            text(&mut svg, (from + to) / 2.0, TOP + 14.0, "middle", &format!("green {} %", weight * 100.0));
        }
        for (value, label) in self.scale.ticks() {
            rule(&mut svg, y(value), "#cccccc", "");
            text(&mut svg, LEFT - 6.0, y(value) + 4.0, "end", &label);
        }
        for minute in 0..=longest {
            text(&mut svg, x(minute as f64), HEIGHT - BOTTOM + 18.0, "middle", &minute.to_string());
        }
        text(&mut svg, f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 10.0, "middle", "minutes since the first shift");
        text(&mut svg, LEFT - 50.0, TOP - 8.0, "start", self.y_label);
        if let Some((value, name)) = self.limit {
            rule(&mut svg, y(value), "#b00020", "6 4");
            text(&mut svg, WIDTH - RIGHT + 8.0, y(value) + 4.0, "start", name);
        }
        for (i, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            let points: Vec<String> = (1..)
                .zip(&line.values)
                .map(|(minute, value)| format!("{:.1},{:.1}", x(f64::from(minute)), y(*value)))
                .collect();
            let _ = write!(
                svg,
                r#"<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{}"/>"#,
                points.join(" ")
            );
            legend(&mut svg, i, colour, &line.name);
        }
        svg + "</svg>\n"
    }
}

/// Horizontal bars with their values written out, of which those above `allowed` are marked.
#[must_use]
pub fn bars(title: &str, bars: &[(String, f64, String)], largest: f64, allowed: Option<(f64, &str)>) -> String {
    const NAME: f64 = 190.0;
    const ROW: f64 = 26.0;
    let height = TOP + ROW * bars.len() as f64 + 30.0;
    let x = |value: f64| NAME + (value / largest).clamp(0.0, 1.0) * (WIDTH - NAME - 150.0);
    let mut svg = begin(title).replacen(&format!("{HEIGHT}"), &format!("{height}"), 2);
    for (i, (name, value, label)) in bars.iter().enumerate() {
        let top = TOP + ROW * i as f64;
        let beyond = allowed.is_some_and(|(allowed, _)| *value > allowed);
        let colour = if beyond { COLOURS[1] } else { COLOURS[0] };
        text(&mut svg, NAME - 8.0, top + 15.0, "end", name);
        let _ = write!(
            svg,
            r#"<rect x="{NAME}" y="{:.1}" width="{:.1}" height="18" fill="{colour}"/>"#,
            top + 2.0,
            (x(*value) - NAME).max(1.0)
        );
        text(&mut svg, x(*value) + 6.0, top + 15.0, "start", label);
    }
    if let Some((allowed, name)) = allowed {
        let _ = write!(
            svg,
            r##"<line x1="{0:.1}" x2="{0:.1}" y1="{TOP}" y2="{1:.1}" stroke="#b00020" stroke-dasharray="6 4"/>"##,
            x(allowed),
            height - 26.0
        );
        text(&mut svg, x(allowed), height - 10.0, "middle", name);
    }
    svg + "</svg>\n"
}

fn begin(title: &str) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="#222222"><rect width="100%" height="100%" fill="#ffffff"/>"##
    );
    let _ = write!(svg, r#"<text x="14" y="20" font-size="15" font-weight="bold">{}</text>"#, escaped(title));
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#, escaped(text));
}

fn rule(svg: &mut String, y: f64, colour: &str, dashes: &str) {
    let _ = write!(
        svg,
        r#"<line x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}" stroke="{colour}" stroke-dasharray="{dashes}"/>"#,
        WIDTH - RIGHT
    );
}

fn legend(svg: &mut String, i: usize, colour: &str, name: &str) {
    let y = TOP + 40.0 + 20.0 * i as f64;
    let x = WIDTH - RIGHT + 8.0;
    let _ = write!(svg, r#"<rect x="{x}" y="{:.1}" width="14" height="4" fill="{colour}"/>"#, y - 6.0);
    text(svg, x + 20.0, y, "start", name);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
