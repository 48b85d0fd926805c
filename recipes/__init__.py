"""The challenges' scripts; each folder has the ``config.yaml`` that users edit."""
