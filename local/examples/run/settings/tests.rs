use super::*;

fn resource(event: &str) -> String {
    format!(
        "Resources:\n  F:\n    Metadata: {{ BuildProperties: {{ Binary: a-function }} }}\n    Properties: {{ Events: {{ E: {event} }} }}\n"
    )
}

#[test]
fn the_template_runs_the_reconciler_and_the_refresher_once_a_minute() {
    let schedules = schedules(include_str!("../../../../template.yaml")).unwrap();
    for function in ["reconcile-deliveries", "refresh-issuers"] {
        let schedule = schedules.iter().find(|schedule| schedule.function == function);
        assert_eq!(schedule.map(|schedule| schedule.every), Some(Duration::from_secs(60)), "{function}");
    }
}

#[test]
fn an_interval_has_a_unit() {
    for (expression, seconds) in [("1 minute", 60), ("5 minutes", 300), ("2 hours", 7200), ("1 day", 86_400)] {
        let template = resource(&format!("{{ Type: Schedule, Properties: {{ Schedule: rate({expression}) }} }}"));
        let found: Vec<_> = schedules(&template).unwrap().into_iter().map(|s| (s.function, s.every.as_secs())).collect();
        assert_eq!(found, [("a-function".to_owned(), seconds)], "{expression}");
    }
}

#[test]
fn an_unsupported_schedule_is_an_error() {
    for schedule in ["cron(0 * * * ? *)", "rate(1 fortnight)", "rate(minute)"] {
        let template = resource(&format!("{{ Type: Schedule, Properties: {{ Schedule: {schedule} }} }}"));
        assert!(schedules(&template).is_err_and(|problem| problem.0.contains("of the type Schedule")), "{schedule}");
    }
    assert!(schedules(&resource("{ Type: HttpApi, Properties: {} }")).unwrap().is_empty());
}
