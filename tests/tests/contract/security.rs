//! SECURITY.md, where it names what the code writes.

use crate::repository::text;
use teal::request::Ask;

#[test]
fn the_security_page_names_the_keys_that_requests_are_written_with() {
    let page = text("SECURITY.md");
    for (ask, told) in [
        (Ask::Approve { stage: 0 }, r#""sk": "approve#<stage>""#),
        (Ask::Reject { stage: 0 }, "`reject#<stage>`"),
        (Ask::Abort, "`abort`"),
        (Ask::GiveUp, "`giveUp`"),
        (Ask::LeaveOnGreen, "`leaveOnGreen`"),
    ] {
        let key = ask.key().replace('0', "<stage>");
        assert!(told.contains(&key) && page.contains(told), "{key}");
    }
    assert!(page.contains(r#""pk": "request#<id>""#));
}
