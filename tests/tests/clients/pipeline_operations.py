"""CodePipeline's jobs and CodeBuild's builds: what is served, and what is refused, against the services' models. Projects are made by the lab's
scenarios, which is where builds of them are seen; of jobs the lab has made three for these tests."""

import unittest

from lab_clients import environment
from served_operations import DOCUMENT, ServedOperations, documented


class Pipelines(ServedOperations):
    name = "pipelines"

    def fits(self, service):
        findings = self.clients.report(service)
        self.assertFalse(findings, f"what the model says otherwise:\n{findings}")
        self.assertEqual(sorted(self.served(service)), documented(service), f"what {DOCUMENT.name} lists of {service}")

    def test_jobs_of_code_pipeline(self):
        pipeline = self.clients["codepipeline"]
        nobody = {"jobId": "11111111-abcd-1111-abcd-999999999999"}
        failure = {"type": "JobFailed", "message": "why"}
        self.refused("JobNotFoundException", pipeline.put_job_success_result, **nobody)
        self.refused("JobNotFoundException", pipeline.put_job_failure_result, **nobody, failureDetails=failure)
        self.refused("ValidationException", pipeline.put_job_failure_result, **nobody,
                     failureDetails={**failure, "type": "Broken"})
        self.refused("ValidationException", pipeline.put_job_success_result, **nobody, outputVariables={"a b": "c"})
        continued, succeeded, failed = ({"jobId": job} for job in environment("TEAL_TEST_JOBS").split(","))
        details = {"externalExecutionId": "r-1", "summary": "20% on green", "percentComplete": 20}
        self.refused("ValidationException", pipeline.put_job_success_result, **continued, continuationToken="x" * 2049)
        self.refused("ValidationException", pipeline.put_job_success_result, **continued,
                     executionDetails={**details, "percentComplete": 101})
        # What was refused has answered nothing.
        pipeline.put_job_success_result(**continued, continuationToken="next", executionDetails=details)
        pipeline.put_job_success_result(**succeeded, outputVariables={"releaseId": "r-1"})
        pipeline.put_job_failure_result(**failed, failureDetails=failure)
        self.refused("InvalidJobStateException", pipeline.put_job_success_result, **continued)
        self.refused("InvalidJobStateException", pipeline.put_job_failure_result, **failed, failureDetails=failure)
        self.fits("codepipeline")

    def test_builds_of_code_build(self):
        builds = self.clients["codebuild"]
        self.refused("ResourceNotFoundException", builds.start_build, projectName="nobodys")
        self.refused("InvalidInputException", builds.start_build)
        self.assertEqual(builds.batch_get_builds(ids=["nobodys:1"])["buildsNotFound"], ["nobodys:1"])
        self.fits("codebuild")


if __name__ == "__main__":
    unittest.main()
