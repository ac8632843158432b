// For whom a feature flag is on: `flag` is what AWS AppConfig hands out under the flag's key.
import { createHash } from "node:crypto";

export function bucket(salt, key, user) {
  return createHash("sha256").update(`${salt}:${key}:${user}`, "utf8").digest().readUInt32BE(0) % 1000;
}

export function isOn(flag, key, user) {
  if (flag.enabled !== true) return false;
  if ((flag.users ?? []).includes(user)) return true;
  return bucket(flag.salt ?? "", key, user) < Math.round((flag.percentage ?? 100) * 10);
}
