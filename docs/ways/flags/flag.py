"""For whom a feature flag is on: `flag` is what AWS AppConfig hands out under the flag's key."""

import hashlib


def bucket(salt, key, user):
    digest = hashlib.sha256(f"{salt}:{key}:{user}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 1000


def is_on(flag, key, user):
    if not flag.get("enabled", False):
        return False
    if user in flag.get("users", []):
        return True
    return bucket(flag.get("salt", ""), key, user) < round(flag.get("percentage", 100) * 10)
