//! The weights that stack templates read: SSM parameters.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use crate::Aws;
use serde_json::json;
use teal::ports::{Parameters, PortError, PortResult};

const GET_PARAMETER: &str = "ssm:GetParameter";
const PUT_PARAMETER: &str = "ssm:PutParameter";

impl Parameters for Aws {
    async fn parameter_value(&self, name: &str) -> PortResult<Option<String>> {
        let found = self.ssm().call(GET_PARAMETER, &in_words(name), &json!({"Name": name})).await;
        match found {
            Ok(answer) => Ok(answer["Parameter"]["Value"].as_str().map(str::to_owned)),
            Err(PortError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn set_parameter(&self, name: &str, value: &str) -> PortResult<()> {
        // Dynamic references of kind ssm read no encrypted text.
        let input = json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
        self.ssm().call(PUT_PARAMETER, &in_words(name), &input).await.map(drop)
    }
}

fn in_words(name: &str) -> String {
    format!("the SSM parameter {name}")
}

#[cfg(test)]
mod tests {
    use crate::testing::Script;
    use serde_json::json;
    use teal::ports::{Parameters, PortError};

    #[tokio::test]
    async fn a_parameter_may_be_missing() {
        let found = json!({"Parameter": {"Name": "/teal/weights/shop/a", "Type": "String", "Value": "100"}});
        let script = Script::default().json(&found);
        let value = script.aws().parameter_value("/teal/weights/shop/a").await;
        assert_eq!(value, Ok(Some("100".to_owned())));
        assert_eq!(script.sent()[0].json(), json!({"Name": "/teal/weights/shop/a"}));
        let script = Script::default().answers(400, json!({"__type": "ParameterNotFound"}).to_string());
        assert_eq!(script.aws().parameter_value("/teal/weights/shop/a").await, Ok(None));
    }

    #[tokio::test]
    async fn a_parameter_is_plain_text_and_replaced_where_it_is() {
        let script = Script::default().json(&json!({"Version": 4, "Tier": "Standard"}));
        script.aws().set_parameter("/teal/weights/shop/a", "100").await.unwrap();
        let sent = script.sent().remove(0);
        assert_eq!(sent.operation, "PutParameter");
        assert_eq!(
            sent.json(),
            json!({"Name": "/teal/weights/shop/a", "Value": "100", "Type": "String", "Overwrite": true}),
        );
    }

    #[tokio::test]
    async fn errors_say_what_to_do_about_them() {
        let denied =
            json!({"__type": "AccessDeniedException", "message": "not authorized to perform: ssm:PutParameter"});
        let script = Script::default().answers(400, denied.to_string());
        let error = script.aws().set_parameter("/shop/a", "100").await.unwrap_err();
        assert!(matches!(&error, PortError::Denied { call: "ssm:PutParameter", .. }), "{error}");
        let many = json!({"__type": "TooManyUpdates", "message": "There are concurrent updates for a resource"});
        let script = Script::default().answers(400, many.to_string());
        let error = script.aws().set_parameter("/teal/a", "100").await.unwrap_err();
        assert_eq!(error, PortError::Throttled { call: "ssm:PutParameter" });
    }
}
