//! The pipelines of `infra/`: what their release action asks for is what the function behind it reads, and both kinds build alike.

use crate::repository::{document, text};
use serde_json::Value;
use teal::pipeline::{Until, Wish};

fn template() -> Value {
    document("infra/cloudformation/pipeline.yaml")["Resources"].clone()
}

#[test]
fn the_release_action_asks_for_what_is_read() {
    let template = template();
    let stages = template["Pipeline"]["Properties"]["Stages"].as_array().unwrap();
    let actions = &stages.iter().find(|stage| stage["Name"] == "Release").unwrap()["Actions"];
    let action = &actions[0];
    let asked = action["Configuration"]["UserParameters"]["Fn::Sub"].as_str().unwrap();
    let asked = asked
        .replace("${PlanRef}", "ssm:/teal/plans/checkout")
        .replace("#{Build.VERSION}", "0a1b2c3d4e5f")
        .replace("#{codepipeline.PipelineExecutionId}", "01234567-0123-0123-0123-012345678901")
        .replace("#{Deploy.TASK_DEFINITION}", "arn:aws:ecs:eu-central-1:123456789012:task-definition/checkout:42");
    assert!(asked.len() <= 1000 && !asked.contains('#'), "{asked}");
    let Wish::Release { input, until: Until::Baked } = Wish::read(&asked).unwrap() else { panic!("{asked}") };
    assert_eq!(input["version"], "0a1b2c3d4e5f");
    let waits = actions[2]["Configuration"]["UserParameters"].as_str().unwrap();
    let waits = waits.replace("#{Release.releaseId}", "pipeline-1");
    assert!(matches!(Wish::read(&waits), Ok(Wish::Await { .. })), "{waits}");
}

/// The lab's scenario makes the rule that the template has, but for names.
#[test]
fn a_release_whose_stage_fails_is_taken_back_by_the_rule_that_the_lab_runs() {
    let pattern = template()["ReleaseFailed"]["Properties"]["EventPattern"].to_string();
    let pattern = pattern.replace(r#"{"Ref":"Name"}"#, r#""${Name}""#);
    let pattern: Value = serde_json::from_str(&pattern).unwrap();
    let scenario = document("lab/scenarios/pipeline-later-stage-fails.yaml");
    let events = scenario["events"].as_array().unwrap();
    let put = |event: &&Value| event["do"]["call"]["action"] == "PutRule";
    let rule = events.iter().find(put).unwrap()["do"]["call"]["parameters"]["EventPattern"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(rule).unwrap(), pattern);
}

#[test]
fn variables_are_exported_by_the_project_that_the_pipeline_takes_them_from() {
    let template = template();
    let pipeline = template["Pipeline"].to_string();
    for project in ["Build", "Deploy"] {
        let spec = template[project]["Properties"]["Source"]["BuildSpec"].as_str().unwrap();
        let exported = spec.split("exported-variables: [").nth(1).unwrap().split(']').next().unwrap();
        let mut used = 0;
        for part in pipeline.split(&format!("#{{{project}.")).skip(1) {
            let variable = part.split('}').next().unwrap();
            assert!(exported.split(", ").any(|name| name == variable), "{project} does not export {variable}");
            used += 1;
        }
        assert!(used > 0, "nothing of {project} is used");
    }
}

#[test]
fn terraform_builds_as_cloudformation_does() {
    let template = template();
    for (project, file) in [("Build", "build"), ("Deploy", "deploy"), ("Verify", "verify")] {
        let spec = template[project]["Properties"]["Source"]["BuildSpec"].as_str().unwrap();
        assert_eq!(text(&format!("infra/terraform/pipeline/{file}.buildspec.yaml")), spec, "{file}");
    }
}
