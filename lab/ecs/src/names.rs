//! Identifiers and ARNs, in AWS's long format.

use teal_lab_wire::{ACCOUNT, AwsFault, REGION};

/// The cluster that is meant when a request names none.
const DEFAULT_CLUSTER: &str = "default";

pub(crate) fn arn(resource: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{resource}")
}

pub(crate) fn cluster_arn(cluster: &str) -> String {
    arn(&format!("cluster/{cluster}"))
}

pub(crate) fn service_arn(cluster: &str, service: &str) -> String {
    arn(&format!("service/{cluster}/{service}"))
}

pub(crate) fn task_arn(cluster: &str, task: &str) -> String {
    arn(&format!("task/{cluster}/{task}"))
}

/// 32 hexadecimal digits, as in a task's ARN.
pub(crate) fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// A UUID's form, as in the ARN of a scaling policy.
pub(crate) fn new_uuid() -> String {
    let hex = new_id();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(crate) fn new_deployment_id() -> String {
    format!("ecs-svc/{:019}", fastrand::u64(..10_u64.pow(19)))
}

/// 21 letters and digits.
pub(crate) fn new_service_deployment_id() -> String {
    (0..21).map(|_| fastrand::alphanumeric()).collect()
}

/// 19 digits, of a service revision.
pub(crate) fn new_revision_id() -> String {
    format!("{:019}", fastrand::u64(10_u64.pow(18)..10_u64.pow(19)))
}

/// The id of a lifecycle hook that pauses.
pub(crate) fn new_pause_id() -> String {
    let random: String = (0..43).map(|_| fastrand::alphanumeric()).collect();
    format!("ecs-pause-{random}")
}

/// What follows the last slash: the short name in an ARN or the name itself.
pub(crate) fn last_part(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The cluster's name from its name or ARN, `default` if none is given.
pub(crate) fn cluster_name(reference: Option<&str>) -> &str {
    reference.filter(|text| !text.is_empty()).map_or(DEFAULT_CLUSTER, last_part)
}

/// The short name of a service or task, given by name or ARN, in `cluster`.
///
/// # Errors
/// If it is the ARN of one in another cluster.
pub(crate) fn in_cluster<'a>(reference: &'a str, cluster: &str) -> Result<&'a str, AwsFault> {
    let Some((_, resource)) = reference.split_once(":ecs:") else { return Ok(last_part(reference)) };
    // The old format of ARNs, `service/NAME`, does not say the cluster.
    match resource.split('/').collect::<Vec<_>>()[..] {
        [_, named, name] if named == cluster => Ok(name),
        [_, named, _] => Err(AwsFault::client(
            "InvalidParameterException",
            format!("Identifier is for {named}. Your cluster is {cluster}"),
        )),
        _ => Ok(last_part(reference)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_name_and_by_both_formats_of_arn() {
        for reference in [
            "web",
            "arn:aws:ecs:us-east-1:000000000000:service/prod/web",
            "arn:aws:ecs:us-east-1:000000000000:service/web",
        ] {
            assert_eq!(in_cluster(reference, "prod"), Ok("web"));
        }
        let fault = in_cluster("arn:aws:ecs:us-east-1:000000000000:service/prod/web", "default").unwrap_err();
        assert_eq!(fault.message, "Identifier is for prod. Your cluster is default");
    }

    #[test]
    fn no_cluster_is_the_default_cluster() {
        assert_eq!(cluster_name(None), "default");
        assert_eq!(cluster_name(Some("arn:aws:ecs:us-east-1:000000000000:cluster/prod")), "prod");
    }
}
