"""The administrators' operations: signed calls, and answers in the shapes that botocore expects."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.exceptions import ClientError, ParamValidationError

from conftest import connect
from pools import ALWAYS, OPT_IN, PASSWORD, REPLACES_MFA


def code(refused):
    return refused.value.response["Error"]["Code"]


class TestSignatures:
    def test_a_wrong_secret_is_refused(self, endpoint, pool):
        forger = connect(
            endpoint,
            aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key="a secret of somebody else",
        )
        with pytest.raises(ClientError, match="The request signature we calculated does not match") as refused:
            forger.describe_user_pool(UserPoolId=pool.id)
        assert code(refused) == "InvalidSignatureException"

    def test_an_unknown_key_id_is_refused(self, endpoint, pool):
        stranger = connect(endpoint, aws_access_key_id="AKIASTRANGER", aws_secret_access_key="of nobody")
        with pytest.raises(ClientError, match="security token included in the request is invalid") as refused:
            stranger.describe_user_pool(UserPoolId=pool.id)
        assert code(refused) == "UnrecognizedClientException"

    def test_another_region_is_refused(self, endpoint, pool):
        elsewhere = connect(endpoint, region_name="ap-south-1")
        with pytest.raises(ClientError, match="Credential should be scoped to a valid region") as refused:
            elsewhere.describe_user_pool(UserPoolId=pool.id)
        assert code(refused) == "InvalidSignatureException"

    @pytest.mark.parametrize(
        "call",
        [
            lambda client, pool: client.describe_user_pool(UserPoolId=pool.id),
            lambda client, pool: client.admin_get_user(UserPoolId=pool.id, Username="nobody"),
            lambda client, pool: client.admin_list_devices(UserPoolId=pool.id, Username="nobody"),
        ],
        ids=["DescribeUserPool", "AdminGetUser", "AdminListDevices"],
    )
    def test_unsigned_is_refused(self, public, pool, call):
        with pytest.raises(ClientError) as refused:
            call(public, pool)
        assert code(refused) == "MissingAuthenticationTokenException"

    def test_a_request_changed_on_the_way_is_refused(self, endpoint, pool):
        client = connect(endpoint)

        def change(request, **_):
            request.body = request.body.replace(pool.id.encode(), b"eu-west-1_another00")

        client.meta.events.register("before-send.cognito-idp", change)
        with pytest.raises(ClientError) as refused:
            client.describe_user_pool(UserPoolId=pool.id)
        assert code(refused) == "InvalidSignatureException"

    def test_a_stale_signature_is_refused(self, endpoint, pool, monkeypatch):
        """botocore corrects its clock by the server's and retries, so the signing step itself gets the old time."""
        past = (datetime.now(UTC) - timedelta(minutes=6)).strftime("%Y%m%dT%H%M%SZ")
        modify = SigV4Auth._modify_request_before_signing

        def sign_in_the_past(auth, request):
            request.context["timestamp"] = past
            modify(auth, request)

        monkeypatch.setattr(SigV4Auth, "_modify_request_before_signing", sign_in_the_past)
        with pytest.raises(ClientError, match="Signature expired") as refused:
            connect(endpoint).describe_user_pool(UserPoolId=pool.id)
        assert code(refused) == "InvalidSignatureException"


class TestErrors:
    """Errors, as botocore parses them."""

    def test_class_message_and_request_id(self, admin):
        with pytest.raises(admin.exceptions.ResourceNotFoundException) as refused:
            admin.describe_user_pool(UserPoolId="eu-west-1_nosuchpool")
        answer = refused.value.response
        assert answer["Error"]["Code"] == "ResourceNotFoundException"
        assert answer["Error"]["Message"] == "User pool eu-west-1_nosuchpool does not exist."
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert len(answer["ResponseMetadata"]["RequestId"]) == 36

    def test_every_answer_has_a_request_id_of_its_own(self, admin, pool):
        answers = [admin.describe_user_pool(UserPoolId=pool.id) for _ in range(2)]
        assert len({answer["ResponseMetadata"]["RequestId"] for answer in answers}) == 2

    def test_a_broken_constraint(self, admin):
        # botocore checks lengths and leaves patterns to the service.
        with pytest.raises(admin.exceptions.InvalidParameterException) as refused:
            admin.describe_user_pool(UserPoolId="not a pool")
        message = refused.value.response["Error"]["Message"]
        assert message.startswith("1 validation error detected: Value 'not a pool' at 'userPoolId' failed")

    def test_several_broken_constraints_are_told_together(self, admin):
        with pytest.raises(admin.exceptions.InvalidParameterException, match="2 validation errors detected"):
            admin.admin_get_device(UserPoolId="not a pool", Username="somebody", DeviceKey="not a key")

    def test_what_the_client_itself_refuses_never_reaches_the_server(self, admin):
        with pytest.raises(ParamValidationError):
            admin.describe_user_pool()

    def test_an_operation_that_the_server_lacks(self, admin, pool):
        with pytest.raises(ClientError) as refused:
            admin.admin_disable_provider_for_user(UserPoolId=pool.id, User={})
        assert code(refused) == "UnsupportedOperationException"


class TestPools:
    def test_create_describe_update(self, admin):
        created = admin.create_user_pool(PoolName="first", DeviceConfiguration={**OPT_IN, **REPLACES_MFA})[
            "UserPool"
        ]
        assert created["Id"].startswith("eu-west-1_")
        described = admin.describe_user_pool(UserPoolId=created["Id"])["UserPool"]
        assert described == created
        assert described["MfaConfiguration"] == "OFF"
        assert described["DeviceConfiguration"] == {**OPT_IN, **REPLACES_MFA}
        assert isinstance(described["CreationDate"], datetime)

        admin.update_user_pool(UserPoolId=created["Id"], DeviceConfiguration=ALWAYS)
        described = admin.describe_user_pool(UserPoolId=created["Id"])["UserPool"]
        assert described["DeviceConfiguration"] == ALWAYS

        # A setting that an update omits returns to its default: no devices.
        admin.update_user_pool(UserPoolId=created["Id"])
        described = admin.describe_user_pool(UserPoolId=created["Id"])["UserPool"]
        assert "DeviceConfiguration" not in described
        assert described["Name"] == "first"

    def test_mfa(self, admin):
        pool_id = admin.create_user_pool(PoolName="with codes")["UserPool"]["Id"]
        answer = admin.set_user_pool_mfa_config(
            UserPoolId=pool_id,
            SoftwareTokenMfaConfiguration={"Enabled": True},
            MfaConfiguration="OPTIONAL",
        )
        config = admin.get_user_pool_mfa_config(UserPoolId=pool_id)
        for said in (answer, config):
            assert said["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
            assert said["MfaConfiguration"] == "OPTIONAL"

    def test_mfa_without_a_means_is_refused(self, admin):
        with pytest.raises(admin.exceptions.InvalidParameterException, match="SMS configuration"):
            admin.create_user_pool(PoolName="no means", MfaConfiguration="ON")

    def test_clients(self, admin, pool):
        plain = pool.add_client()
        assert "ClientSecret" not in plain
        assert plain["UserPoolId"] == pool.id
        assert plain["RefreshTokenValidity"] == 30
        secret = pool.add_client(
            GenerateSecret=True, AccessTokenValidity=5, TokenValidityUnits={"AccessToken": "minutes"}
        )
        assert secret["ClientSecret"]
        assert secret["TokenValidityUnits"]["AccessToken"] == "minutes"

    def test_a_client_of_no_pool(self, admin):
        with pytest.raises(admin.exceptions.ResourceNotFoundException):
            admin.create_user_pool_client(UserPoolId="eu-west-1_nosuchpool", ClientName="app")


class TestUsers:
    def test_from_invitation_to_password(self, admin, pool):
        name = {"UserPoolId": pool.id, "Username": "carol"}
        created = admin.admin_create_user(
            **name,
            MessageAction="SUPPRESS",
            TemporaryPassword="For-one-day-1!",
            UserAttributes=[{"Name": "email", "Value": "carol@example.com"}],
        )["User"]
        assert created["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert created["Enabled"] is True

        admin.admin_set_user_password(**name, Password=PASSWORD, Permanent=True)
        user = admin.admin_get_user(**name)
        assert user["UserStatus"] == "CONFIRMED"
        attributes = {attribute["Name"]: attribute["Value"] for attribute in user["UserAttributes"]}
        assert attributes["email"] == "carol@example.com"
        assert len(attributes["sub"]) == 36

        with pytest.raises(admin.exceptions.UsernameExistsException):
            admin.admin_create_user(**name, MessageAction="SUPPRESS")

    def test_a_weak_password_is_refused(self, admin, pool):
        user = pool.add_user()
        with pytest.raises(admin.exceptions.InvalidPasswordException, match="Password did not conform"):
            admin.admin_set_user_password(UserPoolId=pool.id, Username=user.name, Password="shorter", Permanent=True)

    def test_nobody(self, admin, pool):
        with pytest.raises(admin.exceptions.UserNotFoundException, match="User does not exist."):
            admin.admin_get_user(UserPoolId=pool.id, Username="nobody")
