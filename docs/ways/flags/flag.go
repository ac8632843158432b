// Package flag tells for whom a feature flag is on: a Flag is what AWS AppConfig hands out under the flag's key.
package flag

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

type Flag struct {
	Enabled    bool     `json:"enabled"`
	Percentage *float64 `json:"percentage"`
	Users      []string `json:"users"`
	Salt       string   `json:"salt"`
}

func Bucket(salt, key, user string) uint32 {
	digest := sha256.Sum256([]byte(salt + ":" + key + ":" + user))
	return binary.BigEndian.Uint32(digest[:4]) % 1000
}

func (f Flag) IsOn(key, user string) bool {
	if !f.Enabled || f.Percentage == nil {
		return f.Enabled
	}
	return slices.Contains(f.Users, user) || Bucket(f.Salt, key, user) < uint32(math.Round(*f.Percentage*10))
}
