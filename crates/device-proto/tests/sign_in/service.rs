//! A fake user pool with one user, which the clients of these tests sign in to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use device_proto::ServiceError;
use device_srp::{Identity, Proof, PublicValue, Salt, ServerEphemeral, Verifier};
use device_wire::{ErrorCode, Operation};
use rand::rngs::StdRng;
use serde_json::{Value, json};

pub(crate) const POOL: &str = "eu-west-1_Ab12Cd34E";
pub(crate) const CLIENT: &str = "client-id";
pub(crate) const USER: &str = "ada";
pub(crate) const ALIAS: &str = "Ada@Example.com";
pub(crate) const PHONE: &str = "+15550100";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const CODE: &str = "123456";
const GROUP: &str = "-gRoUp1Ab";

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Devices {
    Off,
    Always,
    OptIn,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mfa {
    Off,
    /// Asked unless a remembered device stands in.
    Suppressed,
    /// Always asked.
    Asked,
}

/// What happens to a request instead of being served.
pub(crate) enum Fault {
    Refuse(ErrorCode, &'static str),
    /// Answer with this JSON.
    Answer(Value),
    /// Serve it and lose the answer.
    Lose,
}

pub(crate) struct Service {
    pub(crate) devices: Devices,
    pub(crate) mfa: Mfa,
    pub(crate) client_secret: Option<&'static str>,
    /// Leaves `Session` out of every answer, as old services do.
    pub(crate) sessionless: bool,
    /// Whether the password has to be replaced at the next sign-in.
    pub(crate) temporary: bool,
    /// Whether a device is asked for a new secret.
    pub(crate) rotates: bool,
    /// Every request so far: its step, and its body.
    pub(crate) log: Vec<(String, Value)>,
    /// The faults that wait for the next request of a step.
    faults: VecDeque<(String, Fault)>,
    registered: BTreeMap<String, Registered>,
    salt: Salt,
    verifier: Verifier,
    pending: BTreeMap<String, Pending>,
    used_sessions: BTreeSet<String>,
    counter: u32,
    rng: StdRng,
}

struct Registered {
    salt: Salt,
    verifier: Verifier,
    remembered: bool,
}

struct Pending {
    ephemeral: ServerEphemeral,
    a: PublicValue,
}

impl Registered {
    fn describe(&self, key: &str) -> Value {
        json!({
            "DeviceKey": key,
            "DeviceAttributes": [{"Name": "device_name", "Value": format!("device {key}")}],
            "DeviceCreateDate": 1_739_212_212.5,
        })
    }
}

/// The answer to a request.
pub(crate) type Answer = Result<Vec<u8>, Option<ServiceError>>;

type Served = Result<Value, ServiceError>;

fn refuse(code: ErrorCode, message: &str) -> ServiceError {
    ServiceError::new(code, message)
}

fn unknown() -> ServiceError {
    refuse(ErrorCode::ResourceNotFound, "Device does not exist.")
}

fn unauthorized() -> ServiceError {
    refuse(ErrorCode::NotAuthorized, "Incorrect username or password.")
}

impl Service {
    pub(crate) fn new(devices: Devices, mfa: Mfa, mut rng: StdRng) -> Self {
        let salt = Salt::random(&mut rng);
        let verifier = Verifier::derive(&Identity::user("Ab12Cd34E", USER), PASSWORD, &salt);
        Self {
            devices,
            mfa,
            client_secret: None,
            sessionless: false,
            temporary: false,
            rotates: false,
            log: Vec::new(),
            faults: VecDeque::new(),
            registered: BTreeMap::new(),
            salt,
            verifier,
            pending: BTreeMap::new(),
            used_sessions: BTreeSet::new(),
            counter: 0,
            rng,
        }
    }

    /// Applies this fault to the next request of that step.
    pub(crate) fn fault(&mut self, step: &str, fault: Fault) {
        self.faults.push_back((step.to_owned(), fault));
    }

    /// The steps so far. Empties the log.
    pub(crate) fn take_steps(&mut self) -> Vec<String> {
        self.log.drain(..).map(|(step, _)| step).collect()
    }

    /// The parameters of the last request of that step.
    pub(crate) fn last(&self, step: &str) -> &Value {
        let (_, body) = self.log.iter().rev().find(|(name, _)| name == step).expect(step);
        body
    }

    /// The keys of the devices that the service tracks.
    pub(crate) fn tracked(&self) -> Vec<&str> {
        self.registered.keys().map(String::as_str).collect()
    }

    pub(crate) fn forget_devices(&mut self) {
        self.registered.clear();
    }

    pub(crate) fn serve(&mut self, operation: Operation, body: &[u8]) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap();
        let step = match operation {
            Operation::InitiateAuth => body["AuthFlow"].as_str().unwrap(),
            Operation::RespondToAuthChallenge => body["ChallengeName"].as_str().unwrap(),
            other => other.name(),
        };
        let step = step.to_owned();
        self.log.push((step.clone(), body.clone()));
        let fault = match self.faults.iter().position(|(name, _)| *name == step) {
            Some(at) => self.faults.remove(at).map(|(_, fault)| fault),
            None => None,
        };
        match fault {
            Some(Fault::Refuse(code, message)) => Err(Some(refuse(code, message))),
            Some(Fault::Answer(answer)) => Ok(answer.to_string().into_bytes()),
            Some(Fault::Lose) => {
                let _ = self.dispatch(operation, &body);
                Err(None)
            }
            None => {
                self.dispatch(operation, &body).map(|it| it.to_string().into_bytes()).map_err(Some)
            }
        }
    }

    fn dispatch(&mut self, operation: Operation, body: &Value) -> Served {
        match operation {
            Operation::InitiateAuth => {
                let parameters = &body["AuthParameters"];
                self.check_secret_hash(parameters)?;
                match body["AuthFlow"].as_str().unwrap() {
                    "USER_SRP_AUTH" => self.password_challenge(parameters),
                    "USER_PASSWORD_AUTH" if parameters["PASSWORD"] == PASSWORD => {
                        self.check_device(parameters)?;
                        self.after_password(parameters)
                    }
                    "CUSTOM_AUTH" if parameters["CHALLENGE_NAME"] == "SRP_A" => {
                        self.password_challenge(parameters)
                    }
                    "CUSTOM_AUTH" => Ok(self.challenge(
                        "CUSTOM_CHALLENGE",
                        json!({"USERNAME": USER, "riddle": "2 + 2"}),
                    )),
                    "USER_AUTH" => {
                        let mut answer =
                            self.challenge("SELECT_CHALLENGE", json!({"USERNAME": USER}));
                        answer["AvailableChallenges"] =
                            json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]);
                        Ok(answer)
                    }
                    _ => Err(unauthorized()),
                }
            }
            Operation::RespondToAuthChallenge => self.respond(body),
            Operation::ConfirmDevice => self.confirm(body),
            Operation::UpdateDeviceStatus => {
                let device = self
                    .registered
                    .get_mut(body["DeviceKey"].as_str().unwrap())
                    .ok_or_else(unknown)?;
                device.remembered = body["DeviceRememberedStatus"] == "remembered";
                Ok(json!({}))
            }
            Operation::GetDevice => {
                let key = body["DeviceKey"].as_str().unwrap();
                let device = self
                    .registered
                    .get(key)
                    .filter(|device| device.remembered)
                    .ok_or_else(unknown)?;
                Ok(json!({"Device": device.describe(key)}))
            }
            Operation::ListDevices => {
                // A page has one device.
                let remembered: Vec<_> =
                    self.registered.iter().filter(|(_, device)| device.remembered).collect();
                let page: usize =
                    body["PaginationToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let devices: Vec<_> =
                    remembered[page.min(remembered.len())..].iter().take(1).collect();
                let next = (page + 1 < remembered.len()).then(|| (page + 1).to_string());
                let devices: Vec<_> =
                    devices.iter().map(|(key, device)| device.describe(key)).collect();
                Ok(json!({"Devices": devices, "PaginationToken": next}))
            }
            Operation::ForgetDevice => {
                self.registered.remove(body["DeviceKey"].as_str().unwrap()).ok_or_else(unknown)?;
                Ok(Value::Null)
            }
            Operation::GetTokensFromRefreshToken if body["RefreshToken"] == "refresh.tokenhush" => {
                let key = body["DeviceKey"].as_str();
                if self.devices != Devices::Off
                    && !key.is_some_and(|key| self.registered.contains_key(key))
                {
                    return Err(refuse(ErrorCode::NotAuthorized, "Invalid Refresh Token."));
                }
                Ok(self.tokens(key, false))
            }
            Operation::GetTokensFromRefreshToken => {
                Err(refuse(ErrorCode::NotAuthorized, "Invalid Refresh Token."))
            }
            Operation::RevokeToken | Operation::GlobalSignOut => Ok(json!({})),
            Operation::AssociateSoftwareToken => {
                Ok(json!({"SecretCode": "JBSWY3DPEHPK3PXP", "Session": self.session(body)}))
            }
            Operation::VerifySoftwareToken if body["UserCode"] == CODE => {
                Ok(json!({"Status": "SUCCESS", "Session": self.session(body)}))
            }
            Operation::VerifySoftwareToken => {
                Err(refuse(ErrorCode::EnableSoftwareTokenMfa, "Code mismatch"))
            }
            other => panic!("{other} is not served here"),
        }
    }

    fn respond(&mut self, body: &Value) -> Served {
        let responses = &body["ChallengeResponses"];
        self.check_secret_hash(responses)?;
        let challenge = body["ChallengeName"].as_str().unwrap();
        if let Some(session) = body["Session"].as_str()
            && self.used_sessions.contains(session)
        {
            return Err(refuse(
                ErrorCode::NotAuthorized,
                "Invalid session for the user, session can only be used once.",
            ));
        }
        let answer = match challenge {
            "PASSWORD_VERIFIER" => {
                self.check_claim(responses, &Identity::user("Ab12Cd34E", USER), None)?;
                self.check_device(responses)?;
                self.after_password(responses)
            }
            "NEW_PASSWORD_REQUIRED" if responses["NEW_PASSWORD"] == "weak" => {
                Err(refuse(ErrorCode::InvalidPassword, "Password does not conform to policy"))
            }
            "NEW_PASSWORD_REQUIRED" => {
                self.temporary = false;
                self.check_device(responses)?;
                self.after_password(responses)
            }
            "SELECT_CHALLENGE" => match responses["ANSWER"].as_str().unwrap() {
                "PASSWORD_SRP" => self.password_challenge(responses),
                "PASSWORD" if responses["PASSWORD"] == PASSWORD => self.after_password(responses),
                "EMAIL_OTP" => Ok(self.challenge(
                    "EMAIL_OTP",
                    json!({
                        "CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL",
                        "CODE_DELIVERY_DESTINATION": "a***@e***",
                    }),
                )),
                _ => Err(unauthorized()),
            },
            "CUSTOM_CHALLENGE" if responses["ANSWER"] == "4" => {
                self.check_device(responses)?;
                self.device_or_tokens(responses)
            }
            "SELECT_MFA_TYPE" => {
                Ok(self.challenge(responses["ANSWER"].as_str().unwrap(), json!({})))
            }
            "SOFTWARE_TOKEN_MFA" if responses["SOFTWARE_TOKEN_MFA_CODE"] == CODE => {
                self.check_device(responses)?;
                self.device_or_tokens(responses)
            }
            "EMAIL_OTP" if responses["EMAIL_OTP_CODE"] == CODE => self.device_or_tokens(responses),
            "SOFTWARE_TOKEN_MFA" | "EMAIL_OTP" => {
                Err(refuse(ErrorCode::CodeMismatch, "Invalid code received for user"))
            }
            "MFA_SETUP" => match responses["EMAIL"].as_str() {
                Some("ada@example.com") => Ok(self.challenge("EMAIL_OTP", json!({}))),
                Some(_) => {
                    Err(refuse(ErrorCode::InvalidParameter, "Invalid email address format."))
                }
                None => self.device_or_tokens(responses),
            },
            "DEVICE_SRP_AUTH" => {
                self.check_device(responses)?;
                let key = responses["DEVICE_KEY"].as_str().unwrap();
                let device = &self.registered[key];
                let ephemeral = ServerEphemeral::generate(&mut self.rng, &device.verifier);
                let salt = device.salt.clone();
                let mut asked = self.verifier_challenge(
                    "DEVICE_PASSWORD_VERIFIER",
                    responses,
                    ephemeral,
                    &salt,
                )?;
                if self.rotates {
                    asked["ChallengeParameters"]["ROTATE_DEVICE_SECRET"] = json!("on");
                }
                Ok(asked)
            }
            "DEVICE_PASSWORD_VERIFIER" => {
                self.check_device(responses)?;
                let key = responses["DEVICE_KEY"].as_str().unwrap();
                self.check_claim(responses, &Identity::device(GROUP, key), Some(key))?;
                Ok(self.tokens(Some(key), false))
            }
            _ => Err(unauthorized()),
        }?;
        if let Some(session) = body["Session"].as_str() {
            self.used_sessions.insert(session.to_owned());
        }
        Ok(answer)
    }

    fn password_challenge(&mut self, parameters: &Value) -> Served {
        let ephemeral = ServerEphemeral::generate(&mut self.rng, &self.verifier);
        let salt = self.salt.clone();
        self.verifier_challenge("PASSWORD_VERIFIER", parameters, ephemeral, &salt)
    }

    fn verifier_challenge(
        &mut self,
        name: &str,
        parameters: &Value,
        ephemeral: ServerEphemeral,
        salt: &Salt,
    ) -> Served {
        let a = PublicValue::from_hex(parameters["SRP_A"].as_str().unwrap()).unwrap();
        self.counter += 1;
        let block = STANDARD.encode(format!("block {}", self.counter));
        // A client must accept every form of the number, so this one has upper case and a leading
        // zero.
        let answer = json!({
            "SALT": format!("0{}", salt.to_hex().to_uppercase()),
            "SRP_B": ephemeral.public().to_hex().to_uppercase(),
            "SECRET_BLOCK": block,
            "USERNAME": USER,
            "USER_ID_FOR_SRP": USER,
        });
        self.pending.insert(block, Pending { ephemeral, a });
        match name {
            "PASSWORD_VERIFIER" if parameters["ANSWER"].is_null() => Ok(json!({
                "ChallengeName": name, "ChallengeParameters": answer, "Session": null,
                "New": [1],
            })),
            _ => Ok(self.challenge(name, answer)),
        }
    }

    fn check_claim(
        &self,
        responses: &Value,
        identity: &Identity<'_>,
        device: Option<&str>,
    ) -> Result<(), ServiceError> {
        let text = |name: &str| responses[name].as_str().unwrap();
        let block = text("PASSWORD_CLAIM_SECRET_BLOCK");
        let Pending { ephemeral, a } = &self.pending[block];
        let verifier = device.map_or(&self.verifier, |key| &self.registered[key].verifier);
        let proof = Proof::from_base64(text("PASSWORD_CLAIM_SIGNATURE")).unwrap();
        device_srp::Timestamp::parse(text("TIMESTAMP")).unwrap();
        let key = ephemeral.session_key(verifier, a).unwrap();
        key.verify(identity, &STANDARD.decode(block).unwrap(), text("TIMESTAMP"), &proof)
            .map_err(|_| unauthorized())
    }

    fn check_secret_hash(&self, parameters: &Value) -> Result<(), ServiceError> {
        let username = parameters["USERNAME"].as_str().unwrap();
        assert!([USER, ALIAS, PHONE].contains(&username), "{username}");
        let expected =
            self.client_secret.map(|secret| device_srp::secret_hash(username, CLIENT, secret));
        assert_eq!(
            parameters["SECRET_HASH"].as_str(),
            expected.as_deref(),
            "every step has a SECRET_HASH"
        );
        Ok(())
    }

    fn check_device(&self, responses: &Value) -> Result<(), ServiceError> {
        match responses["DEVICE_KEY"].as_str() {
            Some(key) if self.devices != Devices::Off && !self.registered.contains_key(key) => {
                Err(unknown())
            }
            _ => Ok(()),
        }
    }

    fn remembered(&self, responses: &Value) -> bool {
        let key = responses["DEVICE_KEY"].as_str().unwrap_or_default();
        self.registered.get(key).is_some_and(|device| device.remembered)
    }

    fn after_password(&mut self, responses: &Value) -> Served {
        let stands_in = self.mfa == Mfa::Suppressed && self.remembered(responses);
        if self.temporary {
            let parameters = json!({
                "userAttributes": "{\"email\":\"ada@example.com\",\"n\":1}",
                "requiredAttributes": "[\"userAttributes.nickname\"]",
            });
            Ok(self.challenge("NEW_PASSWORD_REQUIRED", parameters))
        } else if self.mfa == Mfa::Off || stands_in {
            self.device_or_tokens(responses)
        } else {
            Ok(self.challenge(
                "SOFTWARE_TOKEN_MFA",
                json!({"USER_ID_FOR_SRP": USER, "FRIENDLY_DEVICE_NAME": "authenticator"}),
            ))
        }
    }

    fn device_or_tokens(&mut self, responses: &Value) -> Served {
        if self.remembered(responses) {
            let mut asked = self.challenge("DEVICE_SRP_AUTH", json!({"USERNAME": USER}));
            if self.rotates {
                asked["ChallengeParameters"]["ROTATE_DEVICE_SECRET"] = json!("on");
            }
            return Ok(asked);
        }
        Ok(self.tokens(responses["DEVICE_KEY"].as_str(), true))
    }

    fn tokens(&mut self, presented: Option<&str>, may_be_new: bool) -> Value {
        let tracking = self.devices != Devices::Off;
        self.counter += 1;
        let key = tracking
            .then(|| presented.map_or(format!("eu-west-1_{:08x}", self.counter), str::to_owned));
        let claims = json!({"username": USER, "sub": "0-1", "device_key": key});
        let metadata = (tracking && may_be_new && presented.is_none())
            .then(|| json!({"DeviceKey": key, "DeviceGroupKey": GROUP}));
        json!({
            "ChallengeParameters": {},
            "AuthenticationResult": {
                "AccessToken": format!("access.{}.tokenhush",
                URL_SAFE_NO_PAD.encode(claims.to_string())),
                "IdToken": "id.tokenhush",
                "RefreshToken": "refresh.tokenhush",
                "ExpiresIn": 3600,
                "TokenType": "Bearer",
                "NewDeviceMetadata": metadata,
            }
        })
    }

    fn confirm(&mut self, body: &Value) -> Served {
        let config = &body["DeviceSecretVerifierConfig"];
        let bytes = |name: &str| STANDARD.decode(config[name].as_str().unwrap()).unwrap();
        let key = body["DeviceKey"].as_str().unwrap().to_owned();
        if self.registered.contains_key(&key) {
            return Err(refuse(ErrorCode::DeviceKeyExists, "Device already exists"));
        }
        let device = Registered {
            salt: Salt::from_be_bytes(&bytes("Salt")).unwrap(),
            verifier: Verifier::from_be_bytes(&bytes("PasswordVerifier")).unwrap(),
            remembered: self.devices == Devices::Always,
        };
        self.registered.insert(key, device);
        Ok(json!({"UserConfirmationNecessary": self.devices == Devices::OptIn}))
    }

    pub(crate) fn challenge(&mut self, name: &str, parameters: Value) -> Value {
        self.counter += 1;
        let session = (!self.sessionless).then(|| format!("sessionhush{}", self.counter));
        json!({"ChallengeName": name, "ChallengeParameters": parameters, "Session": session})
    }

    fn session(&mut self, body: &Value) -> String {
        self.used_sessions.extend(body["Session"].as_str().map(str::to_owned));
        self.counter += 1;
        format!("sessionhush{}", self.counter)
    }
}
