//! `device user create`.

use device_wire::enums::{DeliveryMediumType, MessageActionType};
use device_wire::requests::AdminCreateUserRequest;
use device_wire::shapes::AttributeType;

use crate::cli_error::CliError;
use crate::in_pool::InPool;
use crate::output::time;
use crate::people;
use crate::pool::Assignment;

/// How an invitation with a temporary password is sent.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Medium {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
}

/// Options of `device user create`.
#[derive(clap::Args)]
pub(crate) struct CreateOptions {
    /// The user's name
    user: String,

    /// The user's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,

    /// The user's phone number, such as +15550100
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,

    /// Take e-mail address and phone number as verified
    #[arg(long)]
    verified: bool,

    /// A further attribute, such as custom:team=blue; repeat it for more
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<Assignment>,

    /// Send an invitation with a temporary password [default: send nothing]
    #[arg(long, value_name = "MEDIUM")]
    invite: Option<Medium>,

    #[command(flatten)]
    at: InPool,
}

pub(super) fn run(options: &CreateOptions) -> Result<(), CliError> {
    let CreateOptions { user, email, phone, verified, attribute, invite, at } = options;
    let mut attributes = Vec::new();
    let mut add = |name: &str, value: &str| {
        attributes.push(AttributeType { value: Some(value.into()), ..AttributeType::new(name) });
    };
    for (name, value) in [("email", email), ("phone_number", phone)] {
        let Some(value) = value else { continue };
        add(name, value);
        if *verified {
            add(&format!("{name}_verified"), "true");
        }
    }
    for Assignment { name, value } in attribute {
        add(name, value);
    }
    let medium = invite.map(|medium| match medium {
        Medium::Email => DeliveryMediumType::Email,
        Medium::Sms => DeliveryMediumType::Sms,
    });
    let request = AdminCreateUserRequest {
        user_attributes: (!attributes.is_empty()).then_some(attributes),
        message_action: medium.is_none().then_some(MessageActionType::Suppress),
        desired_delivery_mediums: medium.map(|medium| vec![medium]),
        ..AdminCreateUserRequest::new(&at.pool, &**user)
    };
    let created = at.call(&request)?.user.unwrap_or_default();
    let attributes = created.attributes.as_deref().unwrap_or_default();
    let fields = [
        ("user", created.username.as_ref().map(|name| name.to_string()).unwrap_or_default()),
        ("sub", people::attribute(attributes, "sub")),
        ("status", people::status(created.user_status.as_ref(), created.enabled)),
        ("created", time(created.user_create_date)),
    ];
    at.format.one(&created, &fields)
}
