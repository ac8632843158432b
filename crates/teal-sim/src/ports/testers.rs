//! Builds and functions that test green.

use crate::link::{Link, Op};
use serde_json::Value;
use std::time::Duration;
use teal::ports::{BuildOrder, BuildReading, BuildState, PortResult, Testers};

impl Testers for Link<'_> {
    async fn start_build(&self, order: &BuildOrder) -> PortResult<String> {
        self.call(Op::other("StartBuild"), |_| {
            let mut state = self.world.state();
            if state.builds.iter().all(|known| known.token != order.token) {
                state.builds.push(order.clone());
                state.build_began.insert(order.token.clone(), self.world.now());
            }
            Ok(format!("{}:{}", order.project, order.token))
        })
        .await
    }

    async fn build(&self, id: &str) -> PortResult<BuildReading> {
        self.call(Op::other("BatchGetBuilds"), |_| {
            let token = id.rsplit(':').next().unwrap_or_default();
            let found = self.world.state().build(token, self.world.now());
            let state = self.mutated_build(found);
            let trouble = (state == BuildState::Failed).then(|| "phase BUILD FAILED exit status 1".to_owned());
            Ok(BuildReading { state, trouble, logs: Some("https://logs".to_owned()) })
        })
        .await
    }

    async fn test_by_function(
        &self,
        _function: &str,
        input: &Value,
        _within: Duration,
    ) -> PortResult<Result<Value, String>> {
        self.call(Op::other("Invoke"), |_| {
            let mut state = self.world.state();
            state.invoked.push(input.clone());
            Ok(state.function_answer.clone().unwrap_or(Ok(Value::Null)))
        })
        .await
    }
}
