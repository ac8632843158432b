//! Alarms that go off at the same time, or just when something else decides.

use teal_sim::{Disturbance, Function, Happening, Place, Planned, rehearse};

fn at(function: Function, nth: u32, happening: Happening) -> Planned {
    Planned::at_call(Place::Runs(function), nth, Disturbance::World(happening))
}

/// A bad release sets off several alarms at once. Each restores the route in three requests to a listener, whoever else does the same.
#[test]
fn alarms_that_go_off_at_once_do_not_make_each_other_begin_again() {
    for seed in 0..40 {
        let mut planned = vec![at(Function::EvaluateHealth, 2, Happening::AlarmRaised)];
        planned.extend((0..4).map(|nth| at(Function::OnAlarm, nth, Happening::RunTwice)));
        let report = rehearse(seed, planned);
        assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
    }
}

/// Whether an alarm is passed over is decided by accept, and ended by a look: an alarm that goes off while they write is lost by neither.
#[test]
fn an_alarm_that_goes_off_while_it_is_decided_whether_it_is_passed_over_is_not_lost() {
    for seed in 0..200 {
        let accept = (seed % 8) as u32 + 4;
        let look = (seed % 12) as u32;
        let planned = vec![
            at(Function::Accept, accept, Happening::AlarmFlaps),
            at(Function::EvaluateHealth, look, Happening::AlarmFlaps),
        ];
        let report = rehearse(seed, planned);
        assert!(report.breaches.is_empty(), "seed {seed}: {:?}", report.breaches);
    }
}
