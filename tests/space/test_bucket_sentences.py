"""What is said of a bucket that cannot be asked at all."""

import pytest
from obstore.exceptions import GenericError

from space import SpaceUnavailable
from space.bucket.faults import Asking

NO_ROLE = "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 2s - {}"


@pytest.mark.parametrize("how", ["HTTP error: error sending request", "status code: 403 Forbidden: denied"])
@pytest.mark.parametrize(
    ("title", "to_set"),
    [
        ("s3://bucket/a", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
        ("gs://bucket/a", "set GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://bucket/a", "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_where_no_credentials_are_set_it_says_which_to_set(title: str, to_set: str, how: str) -> None:
    slept: list[float] = []

    def ask() -> None:
        raise GenericError(NO_ROLE.format(how))

    with pytest.raises(SpaceUnavailable) as caught:
        Asking(title, sleep=slept.append)("listing the space", ask)
    assert str(caught.value).endswith(to_set)
    assert "169.254" not in str(caught.value)
    assert not slept  # to ask again would not help
