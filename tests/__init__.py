"""Tests of finsent; they mirror its modules and pages."""
