# With its permissions Elastic Beanstalk makes, changes and takes down what environments are made of. The provider has no argument for it: after the
# first apply run what the output `associate_operations_role` says, once.
resource "aws_iam_role" "operations" {
  name_prefix        = "${var.name}-operations-"
  assume_role_policy = data.aws_iam_policy_document.beanstalk.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "operations" {
  role       = aws_iam_role.operations.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AdministratorAccess-AWSElasticBeanstalk"
}

# It watches the environments' health.
resource "aws_iam_role" "service" {
  name_prefix        = "${var.name}-service-"
  assume_role_policy = data.aws_iam_policy_document.beanstalk.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "service" {
  role       = aws_iam_role.service.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AWSElasticBeanstalkEnhancedHealth"
}

resource "aws_iam_role" "instance" {
  name_prefix        = "${var.name}-instance-"
  assume_role_policy = data.aws_iam_policy_document.ec2.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "instance" {
  role       = aws_iam_role.instance.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AWSElasticBeanstalkWebTier"
}

resource "aws_iam_instance_profile" "this" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.instance.name
  tags        = local.tags
}

data "aws_partition" "this" {}

data "aws_iam_policy_document" "beanstalk" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["elasticbeanstalk.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "ec2" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}
