"""The configuration: `config.yaml` and the mapping files it leads to, read, checked and located.

    config = load_config("config.yaml", models, os.environ)   # ConfigError with every mistake of every file

models: the settings model of each adapter by name. Nothing is contacted and nothing is stored.
"""

from connector.config.load import load_config
from connector.config.model import Config, FieldConfig, StateConfig, SyncConfig, SystemConfig

__all__ = ["Config", "FieldConfig", "StateConfig", "SyncConfig", "SystemConfig", "load_config"]
