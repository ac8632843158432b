//! Which action a request gets: a listener's rules, made ready for matching.

use super::group::Group;
use crate::model::{Action, ActionKind, Condition, Forward, Redirect};
use http::{HeaderName, Method, Request, header::HOST};
use std::sync::Arc;
use std::time::Duration;

/// A listener's rules in priority order, then its default action.
#[derive(Debug)]
pub(crate) struct RouteTable {
    pub(crate) scheme: Scheme,
    pub(crate) rules: Vec<(Vec<Matcher>, Route)>,
    pub(crate) default: Route,
}

/// What clients are told they used. An HTTPS listener speaks plain HTTP on the lab.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// Of a listener's protocol.
    pub(crate) fn of(protocol: &str) -> Self {
        if protocol == "HTTPS" { Self::Https } else { Self::Http }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Forward(Arc<Split>),
    FixedResponse { status: u16, content_type: String, body: String },
    Redirect(Redirect),
}

/// A forward action over target groups.
#[derive(Debug)]
pub(crate) struct Split {
    /// Each group with its weight; groups of weight 0 are only reached by a stickiness cookie.
    pub(crate) groups: Vec<(Arc<Group>, u16)>,
    /// How long (lab time) a client stays with a group, if target group stickiness is enabled.
    pub(crate) sticky: Option<Duration>,
}

impl Split {
    pub(crate) fn new(forward: &Forward, group: impl Fn(&str) -> Option<Arc<Group>>) -> Self {
        let groups = forward.groups.iter().filter_map(|(arn, weight)| Some((group(arn)?, *weight))).collect();
        let sticky = forward.sticky_seconds.filter(|_| forward.sticky).map(Duration::from_secs);
        Self { groups, sticky }
    }

    /// The sum of the weights.
    pub(crate) fn total(&self) -> u64 {
        self.groups.iter().map(|(_, weight)| u64::from(*weight)).sum()
    }

    /// The group that `draw`, a number below [`Split::total`], falls on.
    pub(crate) fn at(&self, mut draw: u64) -> Option<&Arc<Group>> {
        for (group, weight) in &self.groups {
            let weight = u64::from(*weight);
            if draw < weight {
                return Some(group);
            }
            draw -= weight;
        }
        None
    }
}

impl Route {
    /// The last action of a list decides; authenticate actions before it let every request pass.
    pub(crate) fn new(actions: &[Action], group: impl Fn(&str) -> Option<Arc<Group>>) -> Option<Self> {
        actions.iter().find_map(|action| match &action.kind {
            ActionKind::Forward(forward) => Some(Self::Forward(Arc::new(Split::new(forward, &group)))),
            ActionKind::FixedResponse { status, content_type, body } => Some(Self::FixedResponse {
                status: *status,
                content_type: content_type.clone().unwrap_or_else(|| "text/plain".to_owned()),
                body: body.clone().unwrap_or_default(),
            }),
            ActionKind::Redirect(redirect) => Some(Self::Redirect(redirect.clone())),
            ActionKind::Authenticate(_) => None,
        })
    }
}

impl RouteTable {
    pub(crate) fn route<B>(&self, request: &Request<B>) -> &Route {
        let rule = self.rules.iter().find(|(matchers, _)| matchers.iter().all(|matcher| matcher.matches(request)));
        rule.map_or(&self.default, |(_, route)| route)
    }
}

/// A condition made ready: any of its values has to match.
///
/// Source: Application Load Balancers guide, "Condition types for listener rules": paths and methods compare with
/// case, hosts, header values and query strings without.
#[derive(Debug)]
pub(crate) enum Matcher {
    Path(Vec<Pattern>),
    Host(Vec<Pattern>),
    Header(HeaderName, Vec<Pattern>),
    Query(Vec<(Option<Pattern>, Pattern)>),
    Method(Vec<Method>),
    /// A condition that can match nothing, such as a header name that HTTP does not allow.
    Never,
}

impl Matcher {
    pub(crate) fn new(condition: &Condition) -> Self {
        let lower = |value: &String| Pattern::new(&value.to_lowercase());
        let all = |values: &[String]| values.iter().map(lower).collect();
        match condition {
            Condition::PathPattern(values) => Self::Path(values.iter().map(|value| Pattern::new(value)).collect()),
            Condition::HostHeader(values) => Self::Host(all(values)),
            Condition::HttpHeader { name, values } => {
                HeaderName::try_from(name.as_str()).map_or(Self::Never, |name| Self::Header(name, all(values)))
            }
            Condition::QueryString(pairs) => {
                Self::Query(pairs.iter().map(|(key, value)| (key.as_ref().map(lower), lower(value))).collect())
            }
            Condition::HttpRequestMethod(values) => {
                Self::Method(values.iter().filter_map(|value| value.parse().ok()).collect())
            }
        }
    }

    fn matches<B>(&self, request: &Request<B>) -> bool {
        match self {
            Self::Path(patterns) => patterns.iter().any(|pattern| pattern.matches(request.uri().path())),
            Self::Host(patterns) => {
                let host = host(request).to_lowercase();
                patterns.iter().any(|pattern| pattern.matches(&host))
            }
            Self::Header(name, patterns) => {
                request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
                    let value = value.to_lowercase();
                    patterns.iter().any(|pattern| pattern.matches(&value))
                })
            }
            Self::Query(pairs) => {
                let query = request.uri().query().unwrap_or_default().as_bytes();
                form_urlencoded::parse(query).any(|(key, value)| {
                    let (key, value) = (key.to_lowercase(), value.to_lowercase());
                    pairs.iter().any(|(wanted_key, wanted_value)| {
                        wanted_key.as_ref().is_none_or(|wanted| wanted.matches(&key)) && wanted_value.matches(&value)
                    })
                })
            }
            Self::Method(methods) => methods.contains(request.method()),
            Self::Never => false,
        }
    }
}

/// The host that a request names, without the port.
pub(crate) fn host<B>(request: &Request<B>) -> &str {
    let named = request.headers().get(HOST).and_then(|value| value.to_str().ok()).or_else(|| request.uri().host());
    let named = named.unwrap_or_default();
    named
        .rsplit_once(':')
        .map_or(named, |(host, port)| if port.bytes().all(|b| b.is_ascii_digit()) { host } else { named })
}

/// A text with wildcards: `*` for any number of characters, `?` for exactly one; a backslash makes the next character
/// literal.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Glyph>);

#[derive(Debug)]
enum Glyph {
    Any,
    One,
    Literal(char),
}

impl Glyph {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(literal) => *literal == c,
        }
    }
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let mut chars = pattern.chars();
        let mut glyphs = Vec::with_capacity(pattern.len());
        while let Some(c) = chars.next() {
            glyphs.push(match c {
                '*' => Glyph::Any,
                '?' => Glyph::One,
                '\\' => Glyph::Literal(chars.next().unwrap_or('\\')),
                c => Glyph::Literal(c),
            });
        }
        Self(glyphs)
    }

    fn matches(&self, text: &str) -> bool {
        let (mut glyph, mut rest) = (0, text);
        // Where to go on from if the last `*` has to take one character more.
        let mut retry: Option<(usize, &str)> = None;
        while let Some(c) = rest.chars().next() {
            match self.0.get(glyph) {
                Some(Glyph::Any) => {
                    glyph += 1;
                    retry = Some((glyph, rest));
                }
                Some(wanted) if wanted.is(c) => {
                    glyph += 1;
                    rest = &rest[c.len_utf8()..];
                }
                _ => {
                    let Some((after_any, taken)) = retry else { return false };
                    let mut chars = taken.chars();
                    chars.next();
                    (glyph, rest) = (after_any, chars.as_str());
                    retry = Some((after_any, rest));
                }
            }
        }
        self.0[glyph..].iter().all(|glyph| matches!(glyph, Glyph::Any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/imga", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("*", "", true),
            ("*.example.com", "api.example.com", true),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxbxxb", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn conditions_compare_as_documented() {
        let path = Matcher::new(&Condition::PathPattern(strings(&["/Api/*"])));
        assert!(path.matches(&request("/Api/x?y=1", &[])));
        assert!(!path.matches(&request("/api/x", &[])), "paths compare with case");

        let host = Matcher::new(&Condition::HostHeader(strings(&["*.Example.com"])));
        assert!(host.matches(&request("/", &[("host", "WWW.example.COM:8080")])));
        assert!(!host.matches(&request("/", &[("host", "example.com")])));

        let header = Matcher::new(&Condition::HttpHeader { name: "X-Test".into(), values: strings(&["Green*"]) });
        assert!(header.matches(&request("/", &[("x-test", "blue"), ("x-test", "greenish")])));
        assert!(!header.matches(&request("/", &[])));

        let query =
            Matcher::new(&Condition::QueryString(vec![(Some("version".into()), "v?".into()), (None, "Beta".into())]));
        assert!(query.matches(&request("/?Version=V1", &[])));
        assert!(query.matches(&request("/?anything=beta", &[])));
        assert!(!query.matches(&request("/?version=v10", &[])));

        let method = Matcher::new(&Condition::HttpRequestMethod(strings(&["POST"])));
        assert!(!method.matches(&request("/", &[])));
    }
}
