output "alerts_topic_arn" {
  description = "Where alarms are sent to."
  value       = aws_sns_topic.alerts.arn
}
