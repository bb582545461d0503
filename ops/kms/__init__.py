"""Key management systems that hold a KEK, a file each, behind the port `Kms`."""
