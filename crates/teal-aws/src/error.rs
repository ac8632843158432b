//! What an error of the SDK means to Teal: the one place where that is decided.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use teal::ports::PortError;

/// Codes that ask for fewer calls. Those of the SDK's own retries, with what Elastic Load Balancing, DynamoDB and
/// Systems Manager add.
const THROTTLING: [&str; 14] = [
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "TooManyUpdates",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Codes of faults that pass, where the HTTP status does not tell.
const PASSING: [&str; 19] = [
    // The call's clock was off, which the SDK corrects by the service's own when it tries again.
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    // The next run has other credentials.
    "ExpiredToken",
    "ExpiredTokenException",
    // Credentials that are so new that the service does not know them yet.
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "ConcurrentUpdateException",
    "InternalFailure",
    "InternalServerError",
    // Lambda: somebody else changed what was read, or is changing it. It is read again.
    "PreconditionFailedException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ResourceConflictException",
    "ResourceContention",
    "ScalingActivityInProgress",
    "ServiceUnavailable",
];

/// The most characters of a service's message that are passed on.
const LONGEST: usize = 500;

/// A failed call as the core knows it. `call` is the IAM action, `what` names the thing that the call is about.
pub(crate) fn port_error<E>(call: &'static str, what: &str, error: &SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        // No answer, or one that could not be read: the call may have had its effect.
        return PortError::Unavailable { call, message: shortened(&in_words(error)) };
    };
    let status = answer.raw().status().as_u16();
    let code = answer.err().code().unwrap_or("no code");
    let message = match answer.err().message() {
        Some(message) => format!("{code}: {}", shortened(message)),
        None => format!("{code} (HTTP status {status})"),
    };
    from_code(call, what, code, status, message)
}

/// An error with what caused it, in the words of each. Not as `Debug` has them: that of an answer which could not be read holds the answer,
/// and that of AWS STS holds credentials.
fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// At most [`LONGEST`] characters of a message: it goes into the record and into logs, and a service may quote every item of a
/// request.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

fn from_code(call: &'static str, what: &str, code: &str, status: u16, message: String) -> PortError {
    if THROTTLING.contains(&code) || status == 429 {
        PortError::Throttled { call }
    } else if PASSING.contains(&code) || status >= 500 {
        PortError::Unavailable { call, message }
    } else if ["AccessDenied", "Unauthorized", "NotAuthorized"].iter().any(|denied| code.contains(denied)) {
        PortError::Denied { call, message }
    } else if code.contains("NotFound") || code.contains("DoesNotExist") || code.starts_with("NoSuch") {
        PortError::NotFound { what: what.to_owned() }
    } else {
        PortError::Refused { call, message: format!("{message} (for {what})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str, status: u16) -> PortError {
        from_code("ecs:UpdateService", "the service", code, status, format!("{code}: said so"))
    }

    #[test]
    fn codes_mean_what_their_services_say() {
        let throttled = PortError::Throttled { call: "ecs:UpdateService" };
        assert_eq!(kind("Throttling", 400), throttled, "Elastic Load Balancing");
        assert_eq!(kind("RequestLimitExceeded", 503), throttled, "the account's bucket");
        assert_eq!(kind("SomethingNew", 429), throttled);
        assert!(matches!(kind("ServerException", 500), PortError::Unavailable { .. }), "ECS");
        assert!(matches!(kind("ConcurrentUpdateException", 400), PortError::Unavailable { .. }), "Auto Scaling");
        for (code, status) in [
            ("ExpiredToken", 403),
            ("ExpiredTokenException", 400),
            ("SignatureDoesNotMatch", 403),
            ("InvalidClientTokenId", 403),
            ("UnrecognizedClientException", 400),
        ] {
            assert!(matches!(kind(code, status), PortError::Unavailable { .. }), "{code}: nobody is called for it");
        }
        assert!(matches!(kind("AccessDenied", 403), PortError::Denied { .. }));
        assert!(matches!(kind("AccessDeniedException", 400), PortError::Denied { .. }));
        assert!(matches!(kind("UnauthorizedOperation", 403), PortError::Denied { .. }));
        for code in [
            "TargetGroupNotFound",
            "RuleNotFound",
            "ServiceNotFoundException",
            "ObjectNotFoundException",
            "NoSuchKey",
            "DeploymentDoesNotExistException",
        ] {
            assert_eq!(kind(code, 400), PortError::NotFound { what: "the service".to_owned() });
        }
        let refused = PortError::Refused {
            call: "ecs:UpdateService",
            message: "ValidationError: said so (for the service)".to_owned(),
        };
        assert_eq!(kind("ValidationError", 400), refused);
    }

    #[test]
    fn a_message_that_quotes_a_whole_request_is_cut() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ä".repeat(LONGEST + 1)).chars().count(), LONGEST + 1);
        assert!(shortened(&"ä".repeat(LONGEST + 1)).ends_with('…'));
    }
}
