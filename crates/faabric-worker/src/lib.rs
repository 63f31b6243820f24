//! Runs the Granules that the planner places on one VM, and carries their messages.
