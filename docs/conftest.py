"""What one page sets does not reach the next."""

from tests.conftest import _settings_stay as _settings_stay
