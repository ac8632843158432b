//! What Lambda tells CloudWatch of an invocation.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>

use teal_lab_wire::{MetricSample, MetricSink, Millis};

/// An invocation that has ended.
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a str,
    pub(crate) qualifier: Option<&'a str>,
    pub(crate) version: &'a str,
    /// When it began: metrics are dated so.
    pub(crate) at: Millis,
    pub(crate) millis: f64,
    pub(crate) failed: bool,
}

impl Invocation<'_> {
    /// Publishes it under every set of dimensions that Lambda has: all functions, the function, the alias or version that was invoked, and
    /// behind an alias the version that was executed.
    pub(crate) fn record(&self, metrics: &dyn MetricSink) {
        let mut sets = vec![Vec::new(), vec![("FunctionName", self.function.to_owned())]];
        if let Some(qualifier) = self.qualifier {
            let resource = format!("{}:{qualifier}", self.function);
            let of_resource = vec![("FunctionName", self.function.to_owned()), ("Resource", resource)];
            if qualifier != self.version {
                let mut executed = of_resource.clone();
                executed.push(("ExecutedVersion", self.version.to_owned()));
                sets.push(executed);
            }
            sets.push(of_resource);
        }
        let counts = [("Invocations", 1.0), ("Errors", f64::from(u8::from(self.failed))), ("Duration", self.millis)];
        for dimensions in sets {
            for (name, value) in counts {
                let dimensions = dimensions.clone();
                metrics.record(MetricSample {
                    namespace: "AWS/Lambda",
                    name,
                    dimensions,
                    at: self.at,
                    value,
                    count: 1.0,
                });
            }
        }
    }
}
