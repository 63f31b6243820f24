//! Builds the guest SDK and drives its compiler: faabric cc and faabric c++.
