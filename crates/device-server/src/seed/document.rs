//! Documents of a seed: from JSON values to items.

use std::collections::HashSet;

use device_pool::{SeedClient, SeedDevice, SeedItem, SeedPool, SeedSecret, SeedUser};
use device_wire::Operation;
use device_wire::Sensitive;
use device_wire::enums::{DeviceRememberedStatusType, UserStatusType};
use device_wire::requests::CreateGroupRequest;
use device_wire::shapes::{AttributeType, DeviceSecretVerifierConfigType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;

use super::{Fault, Place, Step};
use crate::constraint;

type Fields = Map<String, Value>;

/// Members that a description has and a request has not.
const DESCRIBED_ONLY: [&str; 9] = [
    "Arn",
    "CreationDate",
    "LastModifiedDate",
    "Status",
    "EstimatedNumberOfUsers",
    "Domain",
    "CustomDomain",
    "SmsConfigurationFailure",
    "EmailConfigurationFailure",
];

/// Members of a list that say where the next page begins.
const NEXT_PAGE: [&str; 2] = ["NextToken", "PaginationToken"];

/// The settings of `SetUserPoolMfaConfig`, besides whether a factor is required.
const FACTORS: [&str; 4] = [
    "SoftwareTokenMfaConfiguration",
    "SmsMfaConfiguration",
    "EmailMfaConfiguration",
    "WebAuthnConfiguration",
];

/// Where an item is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) item: Place,
    /// Fields that are written somewhere else, or under another name.
    elsewhere: Vec<(&'static str, Place)>,
}

impl Written {
    fn whole(item: Place) -> Self {
        Self { item, elsewhere: Vec::new() }
    }

    /// The place of a field of the item, such as `Devices.0`.
    pub(super) fn field(&self, field: &str) -> Place {
        let mut steps = field.split('.').filter(|step| !step.is_empty()).map(Step::parse);
        let Some(first) = steps.next() else { return self.item.clone() };
        let is_first = |(name, _): &&(&'static str, Place)| Step::Field((*name).into()) == first;
        let mut place = match self.elsewhere.iter().find(is_first) {
            Some((_, place)) => place.clone(),
            None => {
                let mut place = self.item.clone();
                place.path.push(first);
                place
            }
        };
        place.path.extend(steps);
        place
    }
}

/// Reads documents, and puts together what belongs together.
#[derive(Default)]
pub(super) struct Reader {
    pools: Vec<(Place, Fields)>,
    clients: Vec<Part>,
    groups: Vec<Part>,
    users: Vec<Part>,
    /// `get-user-pool-mfa-config` of the one pool.
    factors: Option<(Place, Fields)>,
}

/// A part of a pool.
struct Part {
    place: Place,
    /// The pool that it is written in.
    pool_id: Option<String>,
    fields: Fields,
}

impl Reader {
    /// Reads the document of the file at `source`.
    pub(super) fn read(&mut self, source: usize, document: Value) -> Result<(), Fault> {
        let root = Place { source, path: Vec::new() };
        let mut fields = object(&root, document)?;
        fields.retain(|name, _| !NEXT_PAGE.contains(&name.as_str()));
        if fields.contains_key("MfaConfiguration")
            || FACTORS.iter().any(|f| fields.contains_key(*f))
        {
            if self.factors.is_some() {
                return Err(root.fault("an earlier file has these settings: give them once"));
            }
            self.factors = Some((root, fields));
            return Ok(());
        }
        for (name, value) in fields {
            let place = root.field(&name);
            match name.as_str() {
                "UserPools" => {
                    for (place, fields) in objects(&place, value)? {
                        self.pool(place, fields)?;
                    }
                }
                "UserPool" => self.pool(place.clone(), object(&place, value)?)?,
                "UserPoolClient" => self.clients.push(Part::loose(&place, value)?),
                "UserPoolClients" => self.clients.extend(parts(&place, value, None)?),
                "Group" => self.groups.push(Part::loose(&place, value)?),
                "Groups" => self.groups.extend(parts(&place, value, None)?),
                "Users" => self.users.extend(parts(&place, value, None)?),
                _ => {
                    return Err(place.fault(
                        "a seed has UserPools, or what the service's descriptions have: UserPool, \
                         UserPoolClient, UserPoolClients, Group, Groups, Users",
                    ));
                }
            }
        }
        Ok(())
    }

    fn pool(&mut self, place: Place, mut fields: Fields) -> Result<(), Fault> {
        let id = fields.get("Id").and_then(Value::as_str).map(str::to_owned);
        for (name, parts_of) in [
            ("Clients", &mut self.clients),
            ("Groups", &mut self.groups),
            ("Users", &mut self.users),
        ] {
            if let Some(value) = fields.remove(name) {
                parts_of.extend(parts(&place.field(name), value, id.as_ref())?);
            }
        }
        self.pools.push((place, fields));
        Ok(())
    }

    /// The items in the order in which they are planted, each with its place.
    pub(super) fn finish(self) -> Result<Vec<(SeedItem, Written)>, Fault> {
        let mut items = Vec::new();
        let mut once = Once::default();
        let mut ids = Vec::new();
        let single = self.pools.len() == 1;
        let mut factors = self.factors;
        for (place, mut fields) in self.pools {
            let mut written = Written::whole(place);
            if single && let Some((place, factors)) = factors.take() {
                let names = FACTORS.into_iter().chain(["MfaConfiguration"]);
                let given = names.filter(|name| factors.contains_key(*name));
                written.elsewhere.extend(given.map(|name| (name, place.field(name))));
                fields.extend(factors);
            }
            let pool = pool(&written, fields)?;
            once.check(|| written.field("Id"), "pool", [&pool.id, ""])?;
            ids.push(pool.id.clone());
            items.push((SeedItem::Pool(Box::new(pool)), written));
        }
        if let Some((place, _)) = factors {
            return Err(place.fault("these settings belong to a pool, and the seed has not one"));
        }
        let only = match &*ids {
            [id] => Some(id.as_str()),
            _ => None,
        };
        for part in self.clients {
            let (place, fields) = part.of_pool(only)?;
            let client = client(&place, fields)?;
            once.check(|| place.field("ClientId"), "client", [&client.id, ""])?;
            items.push((SeedItem::Client(Box::new(client)), Written::whole(place)));
        }
        for part in self.groups {
            let (place, mut fields) = part.of_pool(only)?;
            fields.retain(|name, _| !DESCRIBED_ONLY.contains(&name.as_str()));
            let group: CreateGroupRequest = request(&place, Operation::CreateGroup, fields)?;
            let name = [&*group.user_pool_id, &*group.group_name];
            once.check(|| place.field("GroupName"), "group", name)?;
            items.push((SeedItem::Group(group), Written::whole(place)));
        }
        for part in self.users {
            let (place, fields) = part.of_pool(only)?;
            let mut written = Written::whole(place);
            if fields.contains_key("UserAttributes") {
                let place = written.item.field("UserAttributes");
                written.elsewhere.push(("Attributes", place));
            }
            let user = user(&written.item, fields)?;
            once.check(|| written.field("Username"), "user", [&user.pool_id, &user.username])?;
            for (position, device) in user.devices.iter().enumerate() {
                let place = || written.field(&format!("Devices.{position}.DeviceKey"));
                once.check(place, "device", [&user.pool_id, &device.key])?;
            }
            items.push((SeedItem::User(Box::new(user)), written));
        }
        Ok(items)
    }
}

/// The names in a seed, each of which is given once.
#[derive(Default)]
struct Once(HashSet<(&'static str, [String; 2])>);

impl Once {
    fn check(
        &mut self,
        place: impl FnOnce() -> Place,
        kind: &'static str,
        [pool, name]: [&str; 2],
    ) -> Result<(), Fault> {
        let is_new = self.0.insert((kind, [pool, name].map(str::to_owned)));
        if is_new { Ok(()) } else { Err(place().fault(format!("the seed has this {kind} twice"))) }
    }
}

impl Part {
    fn loose(place: &Place, value: Value) -> Result<Self, Fault> {
        Ok(Self { place: place.clone(), pool_id: None, fields: object(place, value)? })
    }

    /// Its fields with the id of its pool: of the one that it is written in, that it names, or the
    /// only one.
    fn of_pool(self, only: Option<&str>) -> Result<(Place, Fields), Fault> {
        let Self { place, pool_id, mut fields } = self;
        if let Some(id) = pool_id.as_deref().or(only) {
            fields.entry("UserPoolId").or_insert_with(|| id.into());
        }
        match fields.get("UserPoolId") {
            Some(_) => Ok((place, fields)),
            None => {
                Err(place.fault("give the UserPoolId: the seed has more or less than one pool"))
            }
        }
    }
}

fn parts(place: &Place, value: Value, pool_id: Option<&String>) -> Result<Vec<Part>, Fault> {
    let parts = objects(place, value)?.into_iter();
    Ok(parts.map(|(place, fields)| Part { place, pool_id: pool_id.cloned(), fields }).collect())
}

fn object(place: &Place, value: Value) -> Result<Fields, Fault> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(place.clone().fault("a table of fields is due here")),
    }
}

fn objects(place: &Place, value: Value) -> Result<Vec<(Place, Fields)>, Fault> {
    let Value::Array(items) = value else {
        return Err(place.clone().fault("a list is due here"));
    };
    let item = |(position, value)| {
        let place = place.position(position);
        object(&place, value).map(|fields| (place, fields))
    };
    items.into_iter().enumerate().map(item).collect()
}

/// Takes a text that must be there.
fn required(place: &Place, fields: &mut Fields, name: &str) -> Result<String, Fault> {
    match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(place.field(name).fault("a text is due here")),
        None => Err(place.clone().fault(format!("the {name} is missing: a seed chooses it"))),
    }
}

/// The request that creates something with these settings.
fn request<R: DeserializeOwned + Serialize>(
    place: &Place,
    operation: Operation,
    fields: Fields,
) -> Result<R, Fault> {
    let given = Value::Object(fields);
    let checked = constraint::check(operation, given.clone())
        .map_err(|error| violated(place, &given, error.message()))?;
    // Every value has its type by now, so no mistake has to be located.
    let request = R::deserialize(&checked)
        .map_err(|error| place.clone().fault(without_values(&error.to_string())))?;
    let known = serde_json::to_value(&request).unwrap_or_default();
    match unknown(place, &given, &known) {
        Some(place) => Err(place.fault("the service has no such setting")),
        None => Ok(request),
    }
}

/// The fault that a constraint's sentence tells, at the field that it names if that is given.
fn violated(place: &Place, given: &Value, message: &str) -> Fault {
    let path = message.split_once(" at '").and_then(|(_, rest)| rest.split_once('\''));
    let first = path.and_then(|(path, _)| path.split('.').next()).unwrap_or_default();
    let named = given.as_object().and_then(|fields| {
        fields.keys().find(|name| name.eq_ignore_ascii_case(first)).map(String::as_str)
    });
    match named {
        // A seed has the names of descriptions.
        Some("PoolName") => place.field("Name"),
        Some("Schema") => place.field("SchemaAttributes"),
        Some(name) => place.field(name),
        None => place.clone(),
    }
    .fault(message)
}

/// The first member of `given` that `known` lacks: it was not read.
fn unknown(place: &Place, given: &Value, known: &Value) -> Option<Place> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            given.iter().filter(|(_, value)| !value.is_null()).find_map(|(name, value)| {
                let place = place.field(name);
                match known.get(name) {
                    Some(known) => unknown(&place, value, known),
                    None => Some(place),
                }
            })
        }
        (Value::Array(given), Value::Array(known)) => {
            let pairs = given.iter().zip(known).enumerate();
            pairs.into_iter().find_map(|(position, (given, known))| {
                unknown(&place.position(position), given, known)
            })
        }
        _ => None,
    }
}

/// Reads a type, and says where it does not fit.
fn typed<T: DeserializeOwned>(place: &Place, value: Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut place = place.clone();
        for segment in error.path() {
            place.path.extend(match segment {
                Segment::Seq { index } => Some(Step::Position(*index)),
                Segment::Map { key } => Some(Step::Field(key.clone())),
                _ => None,
            });
        }
        // A field that is unknown is part of the path; the value is not part of the reason.
        place.fault(without_values(&error.into_inner().to_string()))
    })
}

/// A parser's message without the values that it quotes: they may be secret.
fn without_values(message: &str) -> String {
    match message.split_once("invalid type: ") {
        Some((_, rest)) => match rest.split_once(", expected ") {
            Some((_, expected)) => format!("{expected} is due here"),
            None => "another type of value is due here".to_owned(),
        },
        None => message.to_owned(),
    }
}

fn pool(written: &Written, mut fields: Fields) -> Result<SeedPool, Fault> {
    let place = &written.item;
    let id = required(place, &mut fields, "Id")?;
    fields.retain(|name, _| !DESCRIBED_ONLY.contains(&name.as_str()));
    let name = fields.remove("Name").unwrap_or_else(|| id.as_str().into());
    fields.insert("PoolName".to_owned(), name);
    if let Some(mut schema) = fields.remove("SchemaAttributes") {
        if let Some(attributes) = schema.as_array_mut() {
            // The model's names are too short for it, so it is as the service made it.
            attributes.retain(|attribute| {
                attribute.get("Name").is_none_or(|name| name != "phone_number_verified")
            });
            attributes.iter_mut().for_each(as_requested);
        }
        fields.insert("Schema".to_owned(), schema);
    }
    let mut mfa: Fields = FACTORS
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), fields.remove(name)?)))
        .collect();
    let asks = fields.get("MfaConfiguration").is_some_and(|mode| mode != "OFF");
    if mfa.is_empty() && asks && !fields.contains_key("SmsConfiguration") {
        // A description of a pool says that it asks for a factor, and not for which.
        mfa.insert(FACTORS[0].to_owned(), json!({ "Enabled": true }));
    }
    if mfa.is_empty() || !asks {
        let settings = request(place, Operation::CreateUserPool, fields)?;
        // What is off changes nothing; the service refuses to set up what nobody is asked for.
        let is_off = |settings: &Value| settings.get("Enabled") == Some(&Value::Bool(false));
        return match mfa.iter().find(|(_, settings)| !is_off(settings)) {
            None => Ok(SeedPool { id, settings, mfa: None }),
            Some((name, _)) => Err(written.field(name).fault(
                "without an MfaConfiguration of OPTIONAL or ON, this has no effect: leave it out",
            )),
        };
    }
    mfa.extend(fields.remove_entry("MfaConfiguration"));
    mfa.insert("UserPoolId".to_owned(), id.as_str().into());
    // From a file of its own, a mistake is in that.
    let factors = written.elsewhere.first();
    let factors = factors.map_or_else(|| place.clone(), |(_, field)| field.parent());
    let mfa = Some(request(&factors, Operation::SetUserPoolMfaConfig, mfa)?);
    Ok(SeedPool { id, settings: request(place, Operation::CreateUserPool, fields)?, mfa })
}

/// An attribute of a schema as requests have it: without the prefix that the service adds.
fn as_requested(attribute: &mut Value) {
    let name = attribute.get("Name").and_then(Value::as_str).unwrap_or_default();
    let bare = name.strip_prefix("dev:").unwrap_or(name).strip_prefix("custom:");
    let bare = bare.map(str::to_owned);
    if let (Some(bare), Some(fields)) = (bare, attribute.as_object_mut()) {
        fields.insert("Name".to_owned(), bare.into());
    }
}

fn client(place: &Place, mut fields: Fields) -> Result<SeedClient, Fault> {
    let id = required(place, &mut fields, "ClientId")?;
    fields.retain(|name, _| !DESCRIBED_ONLY.contains(&name.as_str()));
    fields.entry("ClientName").or_insert_with(|| "client".into());
    Ok(SeedClient { id, settings: request(place, Operation::CreateUserPoolClient, fields)? })
}

/// A user as a seed has it. What the service describes and nobody chooses is left out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UserFields {
    user_pool_id: String,
    username: String,
    #[serde(default, alias = "UserAttributes")]
    attributes: Value,
    user_status: Option<UserStatusType>,
    enabled: Option<bool>,
    password: Option<Sensitive<String>>,
    password_verifier: Option<Sensitive<String>>,
    salt: Option<Sensitive<String>>,
    totp_secret: Option<Sensitive<String>>,
    #[serde(rename = "UserMFASettingList")]
    mfa: Option<Vec<String>>,
    preferred_mfa_setting: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    devices: Vec<DeviceFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeviceFields {
    device_key: String,
    device_group_key: String,
    device_name: Option<String>,
    device_remembered_status: Option<DeviceRememberedStatusType>,
    device_password: Option<Sensitive<String>>,
    device_secret_verifier_config: Option<DeviceSecretVerifierConfigType>,
}

fn user(place: &Place, mut fields: Fields) -> Result<SeedUser, Fault> {
    for described in ["UserCreateDate", "UserLastModifiedDate", "MFAOptions"] {
        fields.remove(described);
    }
    let name = if fields.contains_key("UserAttributes") { "UserAttributes" } else { "Attributes" };
    let fields: UserFields = typed(place, Value::Object(fields))?;
    let (sub, attributes) = attributes(|| place.field(name), fields.attributes)?;
    let secret = secret(place, fields.password, fields.salt, fields.password_verifier)?;
    let devices = fields.devices.into_iter().enumerate();
    let devices = devices
        .map(|(position, fields)| device(&place.field("Devices").position(position), fields))
        .collect::<Result<_, _>>()?;
    let user = SeedUser {
        pool_id: fields.user_pool_id,
        username: fields.username,
        sub,
        attributes,
        status: fields.user_status,
        enabled: fields.enabled.unwrap_or(true),
        secret,
        totp_secret: fields.totp_secret,
        mfa: fields.mfa,
        preferred_mfa: fields.preferred_mfa_setting,
        groups: fields.groups,
        devices,
    };
    let body = || {
        json!({ "UserPoolId": user.pool_id, "Username": user.username,
            "UserAttributes": user.attributes })
    };
    constraint::check(Operation::AdminCreateUser, body()).map_err(|error| {
        match error.message().contains(" at 'userAttributes") {
            true => place.field(name).fault(error.message()),
            false => violated(place, &body(), error.message()),
        }
    })?;
    if let Some(sub) = &user.sub {
        let body = json!({ "UserPoolId": user.pool_id, "Username": sub });
        constraint::check(Operation::AdminGetUser, body)
            .map_err(|error| place.field(name).field("sub").fault(error.message()))?;
    }
    for (position, device) in user.devices.iter().enumerate() {
        let place = place.field("Devices").position(position);
        let body = json!({ "UserPoolId": user.pool_id, "Username": user.username,
            "DeviceKey": device.key });
        constraint::check(Operation::AdminForgetDevice, body)
            .map_err(|error| place.field("DeviceKey").fault(error.message()))?;
        if device.group_key.is_empty() {
            return Err(place.field("DeviceGroupKey").fault("it is empty"));
        }
    }
    Ok(user)
}

fn secret(
    place: &Place,
    password: Option<Sensitive<String>>,
    salt: Option<Sensitive<String>>,
    verifier: Option<Sensitive<String>>,
) -> Result<Option<SeedSecret>, Fault> {
    match (password, salt, verifier) {
        (None, None, None) => Ok(None),
        (Some(password), None, None) => Ok(Some(SeedSecret::Password(password))),
        (None, Some(salt), Some(verifier)) => Ok(Some(SeedSecret::Verifier { salt, verifier })),
        _ => Err(place.clone().fault("give the password alone, or Salt and PasswordVerifier")),
    }
}

fn device(place: &Place, fields: DeviceFields) -> Result<SeedDevice, Fault> {
    let config = fields.device_secret_verifier_config.unwrap_or_default();
    let secret = secret(place, fields.device_password, config.salt, config.password_verifier)?;
    Ok(SeedDevice {
        key: fields.device_key,
        group_key: fields.device_group_key,
        name: fields.device_name,
        status: fields.device_remembered_status.unwrap_or(DeviceRememberedStatusType::Remembered),
        secret: secret.ok_or_else(|| {
            place.clone().fault("give a DevicePassword, or a DeviceSecretVerifierConfig")
        })?,
    })
}

/// Attributes as a table or as the service's list; the `sub` apart.
fn attributes(
    place: impl Fn() -> Place,
    value: Value,
) -> Result<(Option<String>, Vec<AttributeType>), Fault> {
    let mut read = Attributes::default();
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                read.add(|name| place().field(name), name, value)?;
            }
        }
        list => {
            for (place, mut fields) in objects(&place(), list)? {
                let name = required(&place, &mut fields, "Name")?;
                let value = fields.remove("Value").unwrap_or_default();
                if let Some(other) = fields.keys().next() {
                    return Err(place.field(other).fault("an attribute has Name and Value"));
                }
                read.add(|_| place.field("Value"), name, value)?;
            }
        }
    }
    Ok((read.sub, read.others))
}

/// A user's attributes, the `sub` apart.
#[derive(Default)]
struct Attributes {
    sub: Option<String>,
    others: Vec<AttributeType>,
}

impl Attributes {
    fn add(
        &mut self,
        place: impl FnOnce(&str) -> Place,
        name: String,
        value: Value,
    ) -> Result<(), Fault> {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return Err(place(&name).fault("the value of an attribute is a text")),
        };
        match name.as_str() {
            "sub" => self.sub = Some(text),
            // The service describes it, and only federation writes it.
            "identities" => {}
            _ => self
                .others
                .push(AttributeType { value: Some(text.into()), ..AttributeType::new(name) }),
        }
        Ok(())
    }
}
