//! SSM parameters.

use crate::link::{Link, Op};
use teal::ports::{Parameters, PortError, PortResult};

impl Parameters for Link<'_> {
    async fn parameter_value(&self, name: &str) -> PortResult<Option<String>> {
        self.call(Op::other("GetParameter"), |_| Ok(self.world.state().parameters.get(name).cloned())).await
    }

    async fn set_parameter(&self, name: &str, value: &str) -> PortResult<()> {
        self.call(Op::other("PutParameter"), |_| {
            let mut state = self.world.state();
            if state.parameters_denied {
                let message = "no identity-based policy allows it".to_owned();
                return Err(PortError::Denied { call: "ssm:PutParameter", message });
            }
            state.parameters.insert(name.to_owned(), value.to_owned());
            Ok(())
        })
        .await
    }
}
