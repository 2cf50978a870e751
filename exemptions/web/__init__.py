"""The pages of exemptions: the register, one exemption with its decision, and asking for one."""
