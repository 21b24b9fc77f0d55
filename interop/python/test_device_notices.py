"""Messages about new devices: an operator sets the tag by boto3, and the user follows the link without signing in."""

import json
import os
import time

import pytest
import requests

from pools import ALWAYS


def message_to(user):
    """The last message to this user. It is delivered after the answer to the call that causes it."""
    for _ in range(200):
        with open(os.environ["DEVICE_MESSAGE_FILE"], encoding="utf-8") as lines:
            messages = [json.loads(line) for line in lines if line.endswith("\n")]
        to_user = [
            message
            for message in messages
            if (message["userPoolId"], message["username"]) == (user.pool.id, user.name)
        ]
        if to_user:
            return to_user[-1]
        time.sleep(0.05)
    pytest.fail("no message arrived")


@pytest.fixture
def user(make_pool, admin):
    """A user with a verified address, of a pool that tells its users of new devices."""
    pool = make_pool(devices=ALWAYS, mfa="OFF")
    arn = admin.describe_user_pool(UserPoolId=pool.id)["UserPool"]["Arn"]
    admin.tag_resource(ResourceArn=arn, Tags={"device:notify": "new-device"})
    user = pool.add_user()
    admin.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username=user.name,
        UserAttributes=[
            {"Name": "email", "Value": f"{user.name}@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    return user


def test_a_new_device_is_forgotten_by_the_link_in_its_message(user, admin, public):
    tokens = user.sign_in()
    device, _ = user.confirm_device(tokens, "a <b>laptop</b>")
    message = message_to(user)
    assert (message["topic"], message["medium"]) == ("NewDevice", "EMAIL")
    assert message["destination"] == f"{user.name}@example.com"
    link = message["code"]
    assert link in message["body"] and "&lt;b&gt;laptop" in message["body"]

    def devices():
        listed = admin.admin_list_devices(UserPoolId=user.pool.id, Username=user.name)["Devices"]
        return [listed_device["DeviceKey"] for listed_device in listed]

    # A mail scanner opens the link.
    page = requests.get(link, timeout=10)
    assert page.status_code == 200 and "<h1>Forget this device?</h1>" in page.text
    assert "<b>" not in page.text and "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    assert devices() == [device.key]

    # The user presses the button.
    page = requests.post(link, timeout=10)
    assert page.status_code == 200 and "<h1>The device is forgotten</h1>" in page.text
    assert not page.cookies
    assert devices() == []
    with pytest.raises(public.exceptions.NotAuthorizedException, match="revoked"):
        public.get_user(AccessToken=tokens["AuthenticationResult"]["AccessToken"])
    with pytest.raises(public.exceptions.NotAuthorizedException):
        user.refresh(tokens, device)

    # A reload says again that it is done; a wrong link says nothing about the device.
    reloaded, wrong = requests.post(link, timeout=10), requests.post(f"{link}x", timeout=10)
    assert (reloaded.status_code, reloaded.text) == (200, page.text)
    assert wrong.status_code == 404 and "laptop" not in wrong.text


def test_a_wrong_value_of_the_tag_is_refused(user, admin):
    arn = admin.describe_user_pool(UserPoolId=user.pool.id)["UserPool"]["Arn"]
    with pytest.raises(admin.exceptions.InvalidParameterException, match="it takes new-device"):
        admin.tag_resource(ResourceArn=arn, Tags={"device:notify": "always"})
