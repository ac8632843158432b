//! Instances of Amazon EC2: where they are.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>

use crate::Aws;
use crate::{json, query};
use serde_json::json;
use std::net::IpAddr;
use teal::ports::{PortError, PortResult};

const EC2: query::Service = query::Service {
    endpoint: json::Service { name: "ec2", target: "", version: "", id: "ec2" },
    version: "2016-11-15",
};

impl Aws {
    /// The private address of an instance that runs.
    ///
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
    pub(crate) async fn private_address(&self, instance: &str) -> PortResult<IpAddr> {
        let what = format!("instance {instance}");
        // EC2 numbers the elements of lists without a word between.
        let input = json!({"InstanceId": {"1": instance}});
        let answer = query::Client::new(&self.config, &EC2).call("ec2:DescribeInstances", &what, &input).await?;
        let found = &answer["reservationSet"]["item"]["instancesSet"]["item"];
        let address = found["privateIpAddress"].as_str().and_then(|text| text.parse().ok());
        match (found["instanceState"]["name"].as_str(), address) {
            (Some("running"), Some(address)) => Ok(address),
            _ => Err(PortError::NotFound { what: format!("a private address of {what}, running") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;

    fn described(state: &str, address: &str) -> String {
        format!(
            "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>1</requestId><reservationSet><item>\
             <reservationId>r-1</reservationId><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId><instanceState><code>16</code>\
             <name>{state}</name></instanceState>{address}</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"
        )
    }

    #[tokio::test]
    async fn ec2_says_where_an_instance_is() {
        let address = "<privateIpAddress>10.0.1.7</privateIpAddress>";
        let script = Script::default().answers(200, described("running", address));
        let found = script.aws().private_address("i-0123456789abcdef0").await;
        assert_eq!(found, Ok("10.0.1.7".parse().unwrap()));
        let sent = &script.sent()[0];
        assert_eq!(sent.uri, "https://ec2.eu-central-1.amazonaws.com/");
        assert_eq!(sent.form(), [("InstanceId.1".to_owned(), "i-0123456789abcdef0".to_owned())]);
        for (state, address) in [("terminated", address), ("running", "")] {
            let script = Script::default().answers(200, described(state, address));
            let found = script.aws().private_address("i-0123456789abcdef0").await;
            assert!(matches!(found, Err(PortError::NotFound { .. })), "{found:?}");
        }
    }

    #[tokio::test]
    async fn errors_of_ec2_stand_in_a_list() {
        let error = "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>gone</Message></Error></Errors>\
                     <RequestID>1</RequestID></Response>";
        let found = Script::default().answers(400, error).aws().private_address("i-0123456789abcdef0").await;
        let told = format!("{found:?}");
        assert!(found.is_err() && told.contains("i-0123456789abcdef0"), "{told}");
    }
}
