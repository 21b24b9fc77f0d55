# A user pool with nearly every block, and everything that can be in it, for `cargo xtask terraform`.
#
# The first apply is with `changed = false`, the second with `true`.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "changed" {
  type = bool
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
  endpoints {
    cognitoidp = var.endpoint
  }
}

locals {
  account = "123456789012"
  lambda  = "arn:aws:lambda:us-east-1:${local.account}:function"
  team    = var.changed ? "b" : "a"
}

resource "aws_cognito_user_pool" "small" {
  name = var.changed ? "smaller" : "small"
}

resource "aws_cognito_user_pool" "people" {
  name                       = "people"
  alias_attributes           = ["email", "preferred_username"]
  auto_verified_attributes   = ["email"]
  deletion_protection        = var.changed ? "INACTIVE" : "ACTIVE"
  mfa_configuration          = var.changed ? "ON" : "OPTIONAL"
  sms_authentication_message = "Your code is {####}"
  user_pool_tier             = var.changed ? "PLUS" : "ESSENTIALS"

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
    recovery_mechanism {
      name     = "verified_phone_number"
      priority = 2
    }
  }

  admin_create_user_config {
    allow_admin_create_user_only = var.changed
    invite_message_template {
      email_message = "Your name is {username}, your password {####}"
      email_subject = "Welcome to team ${local.team}"
      sms_message   = "Your name is {username}, your password {####}"
    }
  }

  device_configuration {
    challenge_required_on_new_device      = true
    device_only_remembered_on_user_prompt = var.changed
  }

  email_configuration {
    email_sending_account  = "DEVELOPER"
    from_email_address     = "Pool <pool@example.com>"
    reply_to_email_address = "reply@example.com"
    source_arn             = "arn:aws:ses:us-east-1:${local.account}:identity/pool@example.com"
  }

  email_mfa_configuration {
    message = "Your code for team ${local.team} is {####}"
    subject = "Your code"
  }

  lambda_config {
    create_auth_challenge          = "${local.lambda}:create"
    custom_message                 = "${local.lambda}:message"
    define_auth_challenge          = "${local.lambda}:define"
    kms_key_id                     = "arn:aws:kms:us-east-1:${local.account}:key/00000000-0000-4000-8000-000000000000"
    post_authentication            = "${local.lambda}:post"
    post_confirmation              = "${local.lambda}:confirmed"
    pre_authentication             = "${local.lambda}:pre"
    pre_sign_up                    = var.changed ? "${local.lambda}:sign-up-2" : "${local.lambda}:sign-up"
    user_migration                 = "${local.lambda}:migration"
    verify_auth_challenge_response = "${local.lambda}:verify"

    custom_email_sender {
      lambda_arn     = "${local.lambda}:mail"
      lambda_version = "V1_0"
    }
    custom_sms_sender {
      lambda_arn     = "${local.lambda}:sms"
      lambda_version = "V1_0"
    }
    pre_token_generation_config {
      lambda_arn     = "${local.lambda}:token"
      lambda_version = var.changed ? "V3_0" : "V2_0"
    }
  }

  password_policy {
    minimum_length                   = var.changed ? 12 : 8
    password_history_size            = 3
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = !var.changed
    require_uppercase                = true
    temporary_password_validity_days = 5
  }

  schema {
    name                = "team"
    attribute_data_type = "String"
    mutable             = true
    string_attribute_constraints {
      min_length = 1
      max_length = 20
    }
  }

  schema {
    name                = "age"
    attribute_data_type = "Number"
    mutable             = true
    number_attribute_constraints {
      min_value = 0
      max_value = 150
    }
  }

  dynamic "schema" {
    for_each = var.changed ? ["added"] : []
    content {
      name                = schema.value
      attribute_data_type = "Boolean"
      mutable             = true
    }
  }

  sign_in_policy {
    allowed_first_auth_factors = var.changed ? ["PASSWORD", "EMAIL_OTP"] : ["PASSWORD"]
  }

  sms_configuration {
    external_id    = "pool"
    sns_caller_arn = "arn:aws:iam::${local.account}:role/sms"
    sns_region     = "us-east-1"
  }

  software_token_mfa_configuration {
    enabled = true
  }

  tags = { team = local.team }

  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  user_pool_add_ons {
    advanced_security_mode = var.changed ? "ENFORCED" : "AUDIT"
  }

  username_configuration {
    case_sensitive = false
  }

  verification_message_template {
    default_email_option  = "CONFIRM_WITH_LINK"
    email_message         = "Your code is {####}"
    email_message_by_link = "Follow {##this link##}"
    email_subject         = "Your code for team ${local.team}"
    email_subject_by_link = "Your link"
    sms_message           = "Your code is {####}"
  }

  web_authn_configuration {
    relying_party_id  = "example.com"
    user_verification = var.changed ? "required" : "preferred"
  }
}

resource "aws_cognito_user_pool_client" "app" {
  name                                 = "app"
  user_pool_id                         = aws_cognito_user_pool.people.id
  access_token_validity                = var.changed ? 2 : 1
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_scopes                 = ["openid", "email"]
  auth_session_validity                = 5
  callback_urls                        = ["https://example.com/in"]
  default_redirect_uri                 = "https://example.com/in"
  enable_token_revocation              = true
  explicit_auth_flows                  = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  generate_secret                      = true
  id_token_validity                    = 1
  logout_urls                          = ["https://example.com/out"]
  prevent_user_existence_errors        = "ENABLED"
  read_attributes                      = ["email", "custom:team"]
  refresh_token_validity               = 30
  supported_identity_providers         = ["COGNITO", aws_cognito_identity_provider.google.provider_name]
  write_attributes                     = var.changed ? ["email"] : ["email", "custom:team"]

  token_validity_units {
    access_token  = "hours"
    id_token      = "hours"
    refresh_token = "days"
  }
}

resource "aws_cognito_user_pool_client" "rotating" {
  name                = "rotating"
  user_pool_id        = aws_cognito_user_pool.people.id
  explicit_auth_flows = ["ALLOW_USER_SRP_AUTH"]

  refresh_token_rotation {
    feature                    = "ENABLED"
    retry_grace_period_seconds = var.changed ? 30 : 10
  }
}

# A client that something else made, which Terraform only manages.
resource "aws_cognito_user_pool_client" "found" {
  name         = "found-1"
  user_pool_id = aws_cognito_user_pool.people.id
  lifecycle {
    ignore_changes = all
  }
}

resource "aws_cognito_managed_user_pool_client" "found" {
  name_prefix           = "found"
  user_pool_id          = aws_cognito_user_pool.people.id
  access_token_validity = var.changed ? 24 : 12
  explicit_auth_flows   = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  token_validity_units {
    access_token = "hours"
  }
  depends_on = [aws_cognito_user_pool_client.found]
}

resource "aws_cognito_user" "ada" {
  user_pool_id   = aws_cognito_user_pool.people.id
  username       = "ada"
  enabled        = !var.changed
  message_action = "SUPPRESS"
  password       = "Correct-Horse-7"
  attributes = {
    email          = "ada@example.com"
    email_verified = true
    team           = local.team
  }
}

resource "aws_cognito_user" "bob" {
  user_pool_id       = aws_cognito_user_pool.people.id
  username           = "bob"
  message_action     = "SUPPRESS"
  temporary_password = "Correct-Horse-8"
  attributes         = { name = "Bob of team ${local.team}" }
}

resource "aws_cognito_user_group" "staff" {
  name         = "staff"
  user_pool_id = aws_cognito_user_pool.people.id
  description  = "Team ${local.team}"
  precedence   = var.changed ? 2 : 1
  role_arn     = "arn:aws:iam::${local.account}:role/staff"
}

resource "aws_cognito_user_in_group" "ada" {
  user_pool_id = aws_cognito_user_pool.people.id
  group_name   = aws_cognito_user_group.staff.name
  username     = aws_cognito_user.ada.username
}

resource "aws_cognito_resource_server" "api" {
  identifier   = "https://api.example.com"
  name         = "api of team ${local.team}"
  user_pool_id = aws_cognito_user_pool.people.id
  scope {
    scope_name        = "read"
    scope_description = "Reads"
  }
  dynamic "scope" {
    for_each = var.changed ? ["write"] : []
    content {
      scope_name        = scope.value
      scope_description = "Writes"
    }
  }
}

resource "aws_cognito_user_pool_domain" "people" {
  domain                = "people-7"
  managed_login_version = var.changed ? 2 : 1
  user_pool_id          = aws_cognito_user_pool.people.id
}

resource "aws_cognito_user_pool_domain" "own" {
  domain          = "auth.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:${local.account}:certificate/${local.team}"
  user_pool_id    = aws_cognito_user_pool.small.id
}

resource "aws_cognito_identity_provider" "google" {
  user_pool_id  = aws_cognito_user_pool.people.id
  provider_name = "Google"
  provider_type = "Google"
  provider_details = {
    authorize_scopes              = var.changed ? "email profile" : "email"
    client_id                     = "id"
    client_secret                 = "example"
    attributes_url                = "https://people.googleapis.com/v1/people/me?personFields="
    attributes_url_add_attributes = "true"
    authorize_url                 = "https://accounts.google.com/o/oauth2/v2/auth"
    oidc_issuer                   = "https://accounts.google.com"
    token_request_method          = "POST"
    token_url                     = "https://www.googleapis.com/oauth2/v4/token"
  }
  attribute_mapping = {
    email    = "email"
    username = "sub"
  }
}

resource "aws_cognito_identity_provider" "corp" {
  user_pool_id  = aws_cognito_user_pool.people.id
  provider_name = "corp"
  provider_type = "OIDC"
  provider_details = {
    attributes_request_method     = "GET"
    attributes_url                = "https://corp.example.com/userinfo"
    attributes_url_add_attributes = "false"
    authorize_scopes              = "openid"
    authorize_url                 = "https://corp.example.com/authorize"
    client_id                     = "id"
    client_secret                 = "example"
    jwks_uri                      = "https://corp.example.com/jwks"
    oidc_issuer                   = "https://corp.example.com"
    token_url                     = "https://corp.example.com/token"
  }
  attribute_mapping = { username = "sub" }
  idp_identifiers   = var.changed ? ["corp.example.com"] : []
}

resource "aws_cognito_risk_configuration" "pool" {
  user_pool_id = aws_cognito_user_pool.people.id

  account_takeover_risk_configuration {
    notify_configuration {
      from       = "pool@example.com"
      reply_to   = "reply@example.com"
      source_arn = "arn:aws:ses:us-east-1:${local.account}:identity/pool@example.com"
      block_email {
        subject   = "Blocked"
        html_body = "<p>{one-click-link-invalid}</p>"
        text_body = "{one-click-link-invalid}"
      }
      mfa_email {
        subject   = "Asked"
        html_body = "<p>{one-click-link-valid}</p>"
        text_body = "{one-click-link-valid}"
      }
      no_action_email {
        subject   = "A new sign-in of team ${local.team}"
        html_body = "<p>{login-time}</p>"
        text_body = "{login-time}"
      }
    }
    actions {
      low_action {
        event_action = "NO_ACTION"
        notify       = var.changed
      }
      medium_action {
        event_action = "MFA_IF_CONFIGURED"
        notify       = true
      }
      high_action {
        event_action = var.changed ? "BLOCK" : "MFA_REQUIRED"
        notify       = true
      }
    }
  }

  compromised_credentials_risk_configuration {
    event_filter = ["SIGN_IN"]
    actions {
      event_action = "BLOCK"
    }
  }
}

resource "aws_cognito_risk_configuration" "app" {
  user_pool_id = aws_cognito_user_pool.people.id
  client_id    = aws_cognito_user_pool_client.app.id
  risk_exception_configuration {
    blocked_ip_range_list = var.changed ? ["10.10.10.10/32", "10.10.11.0/24"] : ["10.10.10.10/32"]
    skipped_ip_range_list = ["192.0.2.0/24"]
  }
}

resource "aws_cognito_user_pool_ui_customization" "pool" {
  css          = ".label-customizable {font-weight: ${var.changed ? 100 : 400};}"
  user_pool_id = aws_cognito_user_pool_domain.people.user_pool_id
}

resource "aws_cognito_user_pool_ui_customization" "app" {
  client_id    = aws_cognito_user_pool_client.app.id
  css          = ".banner-customizable {padding: ${var.changed ? 1 : 2}px;}"
  user_pool_id = aws_cognito_user_pool_domain.people.user_pool_id
}

data "aws_cognito_user_pools" "people" {
  name = aws_cognito_user_pool.people.name
}

data "aws_cognito_user_pool_clients" "people" {
  user_pool_id = aws_cognito_user_pool.people.id
}

data "aws_cognito_user_pool_client" "app" {
  user_pool_id = aws_cognito_user_pool.people.id
  client_id    = aws_cognito_user_pool_client.app.id
}

data "aws_cognito_user_groups" "people" {
  user_pool_id = aws_cognito_user_pool.people.id
}

data "aws_cognito_user_group" "staff" {
  user_pool_id = aws_cognito_user_pool.people.id
  name         = aws_cognito_user_group.staff.name
}

data "aws_cognito_user_pool_signing_certificate" "people" {
  user_pool_id = aws_cognito_user_pool.people.id
}
