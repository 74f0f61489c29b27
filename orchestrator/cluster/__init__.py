"""The Ray that a sweep runs on: private or joined, its nodes, their capacity and their health."""
