"""What people configure: users, venue accounts, groups and hooks, each with the rules for changing it.

A refusal is a value, `Refused`, whose one sentence says what to do; nothing was changed then.
"""

from fairlead.accounts.registry.accounts import KINDS, AccountRegistry, AccountWish, UnknownKindError, check_kinds
from fairlead.accounts.registry.channels import ChannelRegistry, ChannelWish
from fairlead.accounts.registry.drifts import AccountDrifts, DriftRegistry
from fairlead.accounts.registry.groups import DEFAULT_GROUP, GroupMembers, GroupRegistry
from fairlead.accounts.registry.hooks import HookRegistry, HookWish, NewToken
from fairlead.accounts.registry.naming import Refused
from fairlead.accounts.registry.policies import PolicyRegistry, StoredPolicy
from fairlead.accounts.registry.protection import DeadManChoice, ProtectionRegistry
from fairlead.accounts.registry.users import UserRegistry, UserWish
from fairlead.accounts.registry.venue_keys import VenueKeyRegistry, VenueKeyWish

__all__ = [
    "DEFAULT_GROUP",
    "KINDS",
    "AccountDrifts",
    "AccountRegistry",
    "AccountWish",
    "ChannelRegistry",
    "ChannelWish",
    "DeadManChoice",
    "DriftRegistry",
    "GroupMembers",
    "GroupRegistry",
    "HookRegistry",
    "HookWish",
    "NewToken",
    "PolicyRegistry",
    "ProtectionRegistry",
    "Refused",
    "StoredPolicy",
    "UnknownKindError",
    "UserRegistry",
    "UserWish",
    "VenueKeyRegistry",
    "VenueKeyWish",
    "check_kinds",
]
