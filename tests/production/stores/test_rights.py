"""The rights of docs/stores.md are enough, and each is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from easyai.errors import StoreUnavailableError
from easyai.store.frame_store import Carried
from tests.integration.store.places import BucketPlace, jpeg, walked
from tests.support.seaweed_server import SeaweedServer
from tests.support.waiting import wait_until

KEY, TARGET = "t/cam/1.jpg", "alerts/t/cam/1.jpg"
_PAGE = Path(__file__).parents[3] / "docs" / "stores.md"


def written(word: str) -> Any:
    """The JSON of the page that has a word in it."""
    blocks = re.findall(r"```json\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if word in block]
    return json.loads(block)


def test_documented_bucket_policy_suffices(bucket: BucketPlace) -> None:
    server = bucket.server
    assert isinstance(server, SeaweedServer)
    access_key, secret_key = server.without_rights
    policy = json.dumps(written('"Version"')).replace("user/easyai", f"user/{access_key}")
    policy = policy.replace(":::frames", f":::{bucket.bucket}")
    settings = server.settings(bucket.bucket, access_key=access_key, secret_key=secret_key)
    store = bucket.store(settings=settings)
    bucket.put(KEY, jpeg("1"))
    with pytest.raises(StoreUnavailableError, match="access denied"):
        store.check()
    bucket.client.set_bucket_policy(bucket.bucket, policy)

    def works() -> bool:
        try:
            store.check()
        except StoreUnavailableError:
            return False
        return True

    wait_until(works, 20, "the policy is in force")
    assert store.ignores == ()
    assert walked(store) == {KEY}
    assert store.claim(b"we") == b"we"
    assert store.move(KEY, TARGET, store.version(KEY) or "") is Carried.DONE
    assert store.discard(TARGET, "") is Carried.DONE


def test_documented_user_is_the_user_of_these_tests(
    object_server: SeaweedServer,
) -> None:
    (on_the_page,) = written('"identities"')["identities"]
    (ours,) = [user for user in object_server.users if user["name"] == on_the_page["name"]]
    assert ours["actions"] == [f"{action}-*" for action in on_the_page["actions"]]
