"""What the tests share: clients of the running server, and the road to it."""

import os
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config

from pools import Pool

REGION = os.environ["AWS_DEFAULT_REGION"]
VENDOR = f"https://cognito-idp.{REGION}.amazonaws.com"


def connect(endpoint, **options):
    """A botocore client of the server that shows every failure at once instead of trying again."""
    config = Config(retries={"total_max_attempts": 1}).merge(options.pop("config", Config()))
    return boto3.client("cognito-idp", endpoint_url=endpoint, config=config, **options)


@pytest.fixture(scope="session")
def endpoint():
    return os.environ["DEVICE_ENDPOINT"]


@pytest.fixture(scope="session")
def admin(endpoint):
    """An administrator: signs with the credentials of the environment."""
    return connect(endpoint)


@pytest.fixture(scope="session")
def public(endpoint):
    """An app: has no credentials and signs nothing."""
    return connect(endpoint, config=Config(signature_version=UNSIGNED))


@pytest.fixture(scope="session")
def make_pool(admin, public):
    """Makes pools, as a test wants them."""
    return lambda **settings: Pool.create(admin, public, **settings)


@pytest.fixture(scope="session")
def pool(make_pool):
    """Opt-in devices that stand in for a software token. Shared: each test brings users of its own."""
    return make_pool()


@pytest.fixture(autouse=True)
def vendor_leads_here(monkeypatch, endpoint):
    """pycognito has the vendor's address built in for its device calls. As a name server would, lead them here."""
    send = requests.adapters.HTTPAdapter.send

    def lead(adapter, request, **options):
        if request.url.startswith(VENDOR):
            request.url = endpoint + request.url.removeprefix(VENDOR)
        assert urlsplit(request.url).netloc == urlsplit(endpoint).netloc, "nothing leaves this machine"
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lead)
