//! Import jobs: from a CSV file to users who reset their passwords.

use device_pool::{Invocation, ServiceError};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::World;

const ROLE: &str = "arn:aws:iam::000000000000:role/logs";

const CSV: &str = "\
cognito:username,email,email_verified,phone_number,phone_number_verified,name,cognito:mfa_enabled
ada,ada@example.com,TRUE,,FALSE,\"Lovelace, Ada\",FALSE
ada,again@example.com,TRUE,,FALSE,Twice,FALSE
bob,bob@example.com,FALSE,,FALSE,Unverified,FALSE
eve,no address,TRUE,,FALSE,Eve,FALSE
short,short@example.com
grace,,FALSE,+15550100,TRUE,Grace,TRUE
";

impl World {
    fn job(&mut self, operation: Operation, mut request: Value) -> Value {
        request["UserPoolId"] = json!(self.pool);
        self.ok(operation, request)["UserImportJob"].clone()
    }

    fn create_job(&mut self) -> Value {
        let request = json!({"JobName": "people", "CloudWatchLogsRoleArn": ROLE});
        self.job(Operation::CreateUserImportJob, request)
    }

    fn put_csv(&mut self, job: &Value, csv: &str) -> Result<(), ServiceError> {
        let url = job["PreSignedUrl"].as_str().unwrap();
        let token = url.rsplit('/').next().unwrap();
        let mut invocation = Invocation::new(self.moment(), &mut self.rng);
        self.engine.put_import_file(&self.pool, token, &csv.into(), &mut invocation)
    }

    fn run_jobs(&mut self) {
        for (pool, job) in self.engine.unfinished_imports().unwrap() {
            let mut invocation = Invocation::new(self.moment(), &mut self.rng);
            self.engine.import_users(&pool, &job, &mut invocation).unwrap();
        }
    }

    /// The job after its file was imported.
    fn import(&mut self, csv: &str) -> Value {
        let job = self.create_job();
        self.put_csv(&job, csv).unwrap();
        let id = json!({"JobId": job["JobId"]});
        let started = self.job(Operation::StartUserImportJob, id.clone());
        assert_eq!(started["Status"], "Pending");
        self.run_jobs();
        self.job(Operation::DescribeUserImportJob, id)
    }
}

#[test]
fn rows_become_users_who_reset_their_passwords() {
    let mut world = World::new();
    let job = world.import(CSV);
    assert_eq!(job["Status"], "Succeeded", "{job}");
    let counts = ["ImportedUsers", "SkippedUsers", "FailedUsers"].map(|name| job[name].clone());
    assert_eq!(counts, [json!(2), json!(1), json!(3)]);
    let get = |world: &mut World, name: &str| {
        let request = json!({"UserPoolId": world.pool, "Username": name});
        world.ok(Operation::AdminGetUser, request)
    };
    let ada = get(&mut world, "ada");
    assert_eq!(ada["UserStatus"], "RESET_REQUIRED");
    let attributes = ada["UserAttributes"].as_array().unwrap();
    for (name, value) in
        [("name", "Lovelace, Ada"), ("email", "ada@example.com"), ("email_verified", "true")]
    {
        assert!(attributes.contains(&json!({"Name": name, "Value": value})), "{ada}");
    }
    assert_eq!(get(&mut world, "grace")["UserMFASettingList"], json!(["SMS_MFA"]));
    let forgot = json!({"ClientId": world.client, "Username": "ada"});
    world.ok(Operation::ForgotPassword, forgot);
    assert_eq!(world.outbox.len(), 1, "the verified address gets a code");
}

#[test]
fn a_job_needs_a_file_and_starts_once() {
    let mut world = World::new();
    let job = world.create_job();
    assert_eq!((&job["Status"], &job["ImportedUsers"]), (&json!("Created"), &json!(0)));
    let id = json!({"UserPoolId": world.pool, "JobId": job["JobId"]});
    let refused = world.refused(Operation::StartUserImportJob, id.clone());
    assert!(refused.contains("has no CSV file"), "{refused}");
    let refused = world.refused(Operation::StopUserImportJob, id.clone());
    assert!(refused.contains("does not run"), "{refused}");
    world.put_csv(&job, "wrong").unwrap();
    world.put_csv(&job, CSV).unwrap();
    world.ok(Operation::StartUserImportJob, id.clone());
    let refused = world.refused(Operation::StartUserImportJob, id);
    assert!(refused.contains("started already"), "{refused}");
    let refused = world.put_csv(&job, CSV).unwrap_err();
    assert_eq!(refused.message(), "The job was started, and takes no other file.");
    world.run_jobs();
    world.run_jobs();
    let listed = json!({"UserPoolId": world.pool, "MaxResults": 1});
    let listed = world.ok(Operation::ListUserImportJobs, listed);
    assert_eq!(listed["UserImportJobs"][0]["ImportedUsers"], 2, "{listed}");
}

#[test]
fn a_url_is_good_for_a_quarter_of_an_hour() {
    let mut world = World::new();
    let job = world.create_job();
    let other = json!({"PreSignedUrl": "http://pool.test/x/user-import/AAAA"});
    for (job, millis) in [(&job, 15 * 60_000), (&other, 0)] {
        world.now += millis;
        let refused = world.put_csv(job, CSV).unwrap_err();
        assert_eq!(refused.message(), "The URL is wrong, or has expired.");
    }
}

#[test]
fn a_job_stops_and_keeps_what_was_imported() {
    let mut world = World::new();
    let job = world.create_job();
    world.put_csv(&job, CSV).unwrap();
    let id = json!({"JobId": job["JobId"]});
    world.job(Operation::StartUserImportJob, id.clone());
    let stopping = world.job(Operation::StopUserImportJob, id.clone());
    assert_eq!(stopping["Status"], "Stopping");
    world.run_jobs();
    let job = world.job(Operation::DescribeUserImportJob, id);
    assert_eq!((&job["Status"], &job["ImportedUsers"]), (&json!("Stopped"), &json!(0)));
    assert!(world.engine.unfinished_imports().unwrap().is_empty(), "the file is gone");
}

#[test]
fn a_file_with_other_columns_fails_as_a_whole() {
    let mut world = World::new();
    for csv in ["", "cognito:username,password\nada,x\n", "cognito:username,email\nada,a@b.c\n"] {
        let job = world.import(csv);
        assert_eq!((&job["Status"], &job["ImportedUsers"]), (&json!("Failed"), &json!(0)), "{csv}");
        assert!(job["CompletionMessage"].as_str().unwrap().contains("header"), "{job}");
    }
    let job = world.import("cognito:username,email,cognito:mfa_enabled\n,,\n");
    assert_eq!((&job["Status"], &job["FailedUsers"]), (&json!("Failed"), &json!(1)), "{job}");
}
