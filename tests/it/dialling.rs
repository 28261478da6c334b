//! How numbers are written for carriers. All numbers are invented.

use hotline::rules::dialling::{NumberForm, written_for};

#[test]
fn every_form_becomes_every_form() {
    // as it came, national, E.164, local
    let table = [
        ("13800000001", "13800000001", "+8613800000001", "13800000001"),
        ("+8613800000001", "13800000001", "+8613800000001", "13800000001"),
        ("008613800000001", "13800000001", "+8613800000001", "13800000001"),
        ("07988000001", "07988000001", "+867988000001", "8000001"),
        ("+867988000001", "07988000001", "+867988000001", "8000001"),
        ("0798-8000001", "07988000001", "+867988000001", "8000001"),
        ("01080000001", "01080000001", "+861080000001", "01080000001"),
        ("110", "110", "110", "110"),
        ("+8612345", "12345", "12345", "12345"),
        ("+15550100001", "+15550100001", "+15550100001", "+15550100001"),
    ];
    for (came, national, e164, local) in table {
        assert_eq!(written_for(came, NumberForm::National, "0798"), national, "{came}");
        assert_eq!(written_for(came, NumberForm::E164, "0798"), e164, "{came}");
        assert_eq!(written_for(came, NumberForm::Local, "0798"), local, "{came}");
    }
}
